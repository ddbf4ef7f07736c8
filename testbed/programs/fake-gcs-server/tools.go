//go:build tools

// Package tools pins the programs that the testbed builds from this module.
package tools

import (
	_ "github.com/fsouza/fake-gcs-server"
)
