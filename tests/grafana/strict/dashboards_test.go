// Reads what Grafana reads as strictly as Grafana's foundation SDK can.
package strict

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const folder = "../../../grafana"

// Unknown fields, missing fields and wrong types are errors, in panels' options and queries too.
func complaint(text []byte) string {
	decoded := dashboard.Dashboard{}
	// On success the decoder returns an error that is not nil and has no text.
	if err := decoded.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := decoded.Validate(); err != nil {
		return err.Error()
	}
	return ""
}

func dashboards(t *testing.T) map[string][]byte {
	plugins.RegisterDefaultPlugins()
	files, _ := filepath.Glob(folder + "/dashboards/*.json")
	if len(files) != 3 {
		t.Fatalf("there are three dashboards, not %v", files)
	}
	texts := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = text
	}
	return texts
}

func TestDashboardsAreDecodedStrictly(t *testing.T) {
	for file, text := range dashboards(t) {
		if found := complaint(text); found != "" {
			t.Errorf("%s: %s", file, found)
		}
	}
}

// The decoder is no good if it takes everything.
func TestTheDecoderComplains(t *testing.T) {
	spoil := map[string]func(panel map[string]any){
		"an unknown option of a panel": func(panel map[string]any) { panel["options"].(map[string]any)["colour"] = "red" },
		"a field of the wrong type":    func(panel map[string]any) { panel["title"] = 7 },
		"an unknown field of a query": func(panel map[string]any) {
			panel["targets"].([]any)[0].(map[string]any)["query"] = "up"
		},
	}
	for what, change := range spoil {
		for file, text := range dashboards(t) {
			var content map[string]any
			if err := json.Unmarshal(text, &content); err != nil {
				t.Fatal(err)
			}
			change(content["panels"].([]any)[1].(map[string]any)) // the first is a row
			spoilt, _ := json.Marshal(content)
			if complaint(spoilt) == "" {
				t.Errorf("%s with %s is taken", file, what)
			}
		}
	}
}
