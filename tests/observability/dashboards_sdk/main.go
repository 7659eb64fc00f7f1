// Reads dashboards with Grafana's own types, and prints each field that they do not know.
//
//	dashboards_sdk FILE...
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Panels of Grafana's for which the SDK has no types. Only what all panels have is read strictly.
var withoutTypes = map[string]bool{"traces": true}

// An empty list of errors, which the SDK returns, is none.
func failure(err error) error {
	if err == nil || err.Error() == "" {
		return nil
	}
	return err
}

type panel struct {
	Type        string
	Title       string
	FieldConfig json.RawMessage
}

// The SDK reads a panel's fieldConfig strictly only in part, and passes over a panel or a query of a kind that it does not know.
func checkPanel(raw json.RawMessage) error {
	var known panel
	if err := json.Unmarshal(raw, &known); err != nil {
		return err
	}
	if known.Type == "row" {
		return failure(new(dashboard.RowPanel).UnmarshalJSONStrict(raw))
	}
	if _, found := cog.ConfigForPanelcfgVariant(known.Type); !found && !withoutTypes[known.Type] {
		return fmt.Errorf("%s: no panel of type %q", known.Title, known.Type)
	}
	var read dashboard.Panel
	if err := failure(read.UnmarshalJSONStrict(raw)); err != nil {
		return fmt.Errorf("%s: %w", known.Title, err)
	}
	for _, target := range read.Targets {
		if _, unknown := target.(variants.UnknownDataquery); unknown {
			return fmt.Errorf("%s: a query of an unknown data source", known.Title)
		}
	}
	if err := failure(new(dashboard.FieldConfigSource).UnmarshalJSONStrict(known.FieldConfig)); err != nil {
		return fmt.Errorf("%s: fieldConfig: %w", known.Title, err)
	}
	return nil
}

func check(path string) []error {
	text, err := os.ReadFile(path)
	if err != nil {
		return []error{err}
	}
	var errs []error
	if err := failure(new(dashboard.Dashboard).UnmarshalJSONStrict(text)); err != nil {
		errs = append(errs, err)
	}
	var all struct{ Panels []json.RawMessage }
	if err := json.Unmarshal(text, &all); err != nil {
		return append(errs, err)
	}
	for _, raw := range all.Panels {
		if err := checkPanel(raw); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func main() {
	plugins.RegisterDefaultPlugins()
	status := 0
	for _, path := range os.Args[1:] {
		for _, err := range check(path) {
			fmt.Printf("%s: %v\n", path, err)
			status = 1
		}
	}
	os.Exit(status)
}
