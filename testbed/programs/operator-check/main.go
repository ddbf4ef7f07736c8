// Reads objects of Prometheus Operator strictly: unknown fields and wrong types are errors. What the types do not know, such as
// values that must be one of a few, it does not see.
package main

import (
	"fmt"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var object metav1.TypeMeta
	if err := yaml.Unmarshal(raw, &object); err != nil {
		return err
	}
	switch object.Kind {
	case "PodMonitor":
		return yaml.UnmarshalStrict(raw, &monitoring.PodMonitor{})
	case "PrometheusRule":
		return yaml.UnmarshalStrict(raw, &monitoring.PrometheusRule{})
	}
	return fmt.Errorf("unexpected kind %q", object.Kind)
}
