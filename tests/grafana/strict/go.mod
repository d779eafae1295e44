module azimuth/tests/grafana/strict

go 1.21

require (
	github.com/grafana/grafana-foundation-sdk/go v0.0.18
	gopkg.in/yaml.v3 v3.0.1
)
