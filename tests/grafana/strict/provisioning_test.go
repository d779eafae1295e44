package strict

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/alerting"
	"gopkg.in/yaml.v3"
)

// Fails on fields that `into` does not have.
func readYaml(t *testing.T, name string, into any) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

type prometheusRule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

type grafanaFile struct {
	ApiVersion int `yaml:"apiVersion"`
	Groups     []struct {
		OrgId                  int64 `yaml:"orgId"`
		Name, Folder, Interval string
		Rules                  []map[string]any
	}
}

type datasourceFile struct {
	ApiVersion  int `yaml:"apiVersion"`
	Datasources []struct {
		Name, Type, Uid, Url, Access string
		IsDefault                    bool           `yaml:"isDefault"`
		JsonData                     map[string]any `yaml:"jsonData"`
	}
}

func prometheusAlerts(t *testing.T) []prometheusRule {
	var file struct {
		Groups []struct {
			Name, Interval string
			Rules          []prometheusRule
		}
	}
	readYaml(t, "alerts/azimuth.rules.yml", &file)
	var alerts []prometheusRule
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				alerts = append(alerts, rule)
			}
		}
	}
	return alerts
}

// What Grafana makes of a string in a provisioning file, with no environment variables: $$ stands for $.
func withoutVariables(t *testing.T, text string) string {
	parts := strings.Split(text, "$$")
	for _, part := range parts {
		if strings.Contains(part, "$") {
			t.Errorf("%q: Grafana would replace a variable here", text)
		}
	}
	return strings.Join(parts, "$")
}

// A rule as Grafana's API has it; the file's form lacks what the group says.
func decodedStrictly(t *testing.T, rule map[string]any, group, folder string, org int64) alerting.Rule {
	full := map[string]any{"orgID": org, "folderUID": folder, "ruleGroup": group}
	for key, value := range rule {
		full[key] = value
	}
	text, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	decoded := alerting.Rule{}
	if err := decoded.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		t.Fatalf("%v: %v", rule["title"], err)
	}
	if err := decoded.Validate(); err != nil {
		t.Fatalf("%v: %v", rule["title"], err)
	}
	return decoded
}

func TestGrafanaHasTheAlertsOfPrometheus(t *testing.T) {
	var file grafanaFile
	var sources datasourceFile
	readYaml(t, "provisioning/alerting/azimuth.yml", &file)
	readYaml(t, "provisioning/datasources/azimuth.yml", &sources)
	alerts := prometheusAlerts(t)
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) != len(alerts) || len(alerts) == 0 {
		t.Fatalf("Prometheus has %d alerts, Grafana others", len(alerts))
	}
	group := file.Groups[0]
	for i, raw := range group.Rules {
		rule := decodedStrictly(t, raw, group.Name, group.Folder, group.OrgId)
		alert := alerts[i]
		if rule.Title != alert.Alert || raw["for"] != alert.For {
			t.Errorf("%s for %v is not %s for %s", rule.Title, raw["for"], alert.Alert, alert.For)
		}
		query := raw["data"].([]any)[0].(map[string]any)
		if query["datasourceUid"] != sources.Datasources[0].Uid {
			t.Errorf("%s asks %v, which is not provisioned", rule.Title, query["datasourceUid"])
		}
		expr := query["model"].(map[string]any)["expr"].(string)
		if withoutVariables(t, expr) != alert.Expr {
			t.Errorf("%s: %s is not %s", rule.Title, expr, alert.Expr)
		}
		if rule.Labels["severity"] != alert.Labels["severity"] || len(rule.Labels) != len(alert.Labels) {
			t.Errorf("%s: %v is not %v", rule.Title, rule.Labels, alert.Labels)
		}
		for name, text := range alert.Annotations {
			ofPrometheus := strings.ReplaceAll(text, "$value", "$values.A.Value")
			if got := withoutVariables(t, rule.Annotations[name]); got != ofPrometheus {
				t.Errorf("%s: %s: %q is not %q", rule.Title, name, got, ofPrometheus)
			}
		}
	}
}

func TestTheDashboardProviderIsUnderstood(t *testing.T) {
	var file struct {
		ApiVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			Options            struct{ Path string }
		}
	}
	readYaml(t, "provisioning/dashboards/azimuth.yml", &file)
	if len(file.Providers) != 1 || !strings.HasSuffix(file.Providers[0].Options.Path, "/dashboards") {
		t.Errorf("one provider, of the folder dashboards, not %v", file.Providers)
	}
}
