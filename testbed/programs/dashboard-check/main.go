// Reads a Grafana dashboard as strictly as Grafana's own schema is: unknown fields, missing fields, wrong types and values
// out of bounds are errors, in panels and queries too.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	if said := complaint(os.Args[1]); said != "" {
		fmt.Fprintln(os.Stderr, said)
		os.Exit(1)
	}
}

func complaint(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	var read dashboard.Dashboard
	// A list without errors is an error that is not nil, so only the text tells.
	if err := read.UnmarshalJSONStrict(raw); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := read.Validate(); err != nil {
		return err.Error()
	}
	return ""
}
