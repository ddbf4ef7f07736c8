// Reads lines `ZONE<tab>UNIX SECONDS<tab>SCHEDULE` and answers each with a line of JSON: how Kubernetes' CronJob controller
// would read the schedule in that time zone (`formatSchedule` and cron.ParseStandard), and its next five times after the moment.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type answer struct {
	Error string  `json:"error"`
	Times []int64 `json:"times"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), "\t", 3)
		seconds, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			panic(err)
		}
		encoder.Encode(read(parts[0], time.Unix(seconds, 0).UTC(), parts[2]))
	}
}

func read(zone string, after time.Time, text string) answer {
	if _, err := time.LoadLocation(zone); err != nil {
		return answer{Error: err.Error()}
	}
	schedule, err := cron.ParseStandard(fmt.Sprintf("TZ=%s %s", zone, text))
	if err != nil {
		return answer{Error: err.Error()}
	}
	times := []int64{}
	for len(times) < 5 {
		after = schedule.Next(after)
		if after.IsZero() {
			break
		}
		times = append(times, after.Unix())
	}
	return answer{Times: times}
}
