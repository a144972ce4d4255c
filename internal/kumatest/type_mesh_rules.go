package kumatest

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// checkMesh validates the sections of a mesh, each by itself.
func (cp *ControlPlane) checkMesh(mesh *document) violations {
	if !cp.release.meshTLS {
		return nil
	}
	var broken violations
	broken = append(broken, cp.checkMTLS(mesh.object("mtls")).under("mtls")...)
	broken = append(broken, checkBackends(mesh, "logging", checkLoggingBackend)...)
	broken = append(broken, checkBackends(mesh, "tracing", checkTracingBackend)...)
	broken = append(broken, checkMetrics(mesh.object("metrics")).under("metrics")...)
	broken = append(broken, checkConstraints(mesh.object("constraints").object("dataplaneProxy")).under("constraints.dataplaneProxy")...)
	if mesh.object("routing").flag("zoneEgress") && mesh.object("mtls").text("enabledBackend") == "" {
		broken.add("mtls", "has to be set when zoneEgress enabled")
	}
	return broken
}

func (cp *ControlPlane) checkMTLS(mtls *document) violations {
	var broken, expirations violations
	backends := mtls.objects("backends")
	if len(backends) > 1 && !cp.kongMesh {
		broken.add("backends", "cannot have more than 1 backends")
	}
	names := usedNames{}
	for i, backend := range backends {
		broken = append(broken, names.check(i, backend)...)
		if backend.has("dpCert") {
			if _, err := parseLifetime(backend.object("dpCert").object("rotation").text("expiration")); err != nil {
				expirations.add("dpcert.rotation.expiration", "has to be a valid format")
			}
			if cp.release.set != in27 {
				broken, expirations = append(broken, expirations...), nil
			}
		}
	}
	if enabled := mtls.text("enabledBackend"); enabled != "" && !names[enabled] {
		broken.add("enabledBackend", "has to be set to one of the backends in the mesh")
	}
	return append(broken, expirations...)
}

// usedNames has the names of the backends of a section, which must be unique.
type usedNames map[string]bool

func (names usedNames) check(i int, backend *document) violations {
	var broken violations
	name := backend.text("name")
	if names[name] {
		broken.add(fmt.Sprintf("backends[%d].name", i), "%q name is already used for another backend", name)
	}
	names[name] = true
	return broken
}

var lifetimeSyntax = regexp.MustCompile(`^(\d+)(y|w|d|h|m|s|ms)$`)

// parseLifetime parses the lifetime of a certificate: one number with one unit, or 0.
func parseLifetime(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	parts := lifetimeSyntax.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("not a valid duration string: %q", text)
	}
	units := map[string]time.Duration{
		"y": 365 * 24 * time.Hour, "w": 7 * 24 * time.Hour, "d": 24 * time.Hour,
		"h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond,
	}
	count, _ := strconv.Atoi(parts[1]) // too large a number is limited, not rejected
	return time.Duration(count) * units[parts[2]], nil
}

// checkBackends validates the section for logging or tracing.
func checkBackends(mesh *document, section string, check func(*document) violations) violations {
	var broken violations
	names := usedNames{}
	for i, backend := range mesh.object(section).objects("backends") {
		broken = append(broken, check(backend).under(fmt.Sprintf("backends[%d]", i))...)
		broken = append(broken, names.check(i, backend)...)
	}
	if chosen := mesh.object(section).text("defaultBackend"); chosen != "" && !names[chosen] {
		broken.add("defaultBackend", "has to be set to one of the %s backend in mesh", section)
	}
	return broken.under(section)
}

func checkLoggingBackend(backend *document) violations {
	var broken violations
	if backend.text("name") == "" {
		broken.add("name", "cannot be empty")
	}
	switch backend.text("type") {
	case "file":
		broken = append(broken, checkConf(backend, fileLogSchema(), func(conf *document) (broken violations) {
			if conf.text("path") == "" {
				broken.add("path", "cannot be empty")
			}
			return broken
		}).under("config")...)
	case "tcp":
		broken = append(broken, checkConf(backend, tcpLogSchema(), checkTCPLog).under("config")...)
	default:
		broken.add("type", `unknown backend type. Available backends: "tcp", "file"`)
	}
	return broken
}

func checkTCPLog(conf *document) violations {
	var broken violations
	address := conf.text("address")
	if address == "" {
		broken.add("address", "cannot be empty")
		return broken
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		broken.add("address", "has to be in format of HOST:PORT")
	}
	return broken
}

// checkConf parses the untyped configuration of a backend for its type, and validates it.
func checkConf(backend *document, schema *message, check func(*document) violations) violations {
	conf, err := typed(backend.conf(), schema)
	if err != nil {
		return violations{{"", "could not parse config: " + err.Error()}}
	}
	return check(conf)
}

func checkTracingBackend(backend *document) violations {
	var broken violations
	if backend.text("name") == "" {
		broken.add("name", "cannot be empty")
	}
	if sampling := get[float64](backend, "sampling"); sampling < 0 || sampling > 100 {
		broken.add("sampling", "has to be in [0.0 - 100.0] range")
	}
	switch backend.text("type") {
	case "zipkin":
		broken = append(broken, checkConf(backend, zipkinSchema(), checkZipkin).under("config")...)
	case "datadog":
		broken = append(broken, checkConf(backend, datadogSchema(), func(conf *document) (broken violations) {
			if conf.text("address") == "" {
				broken.add("address", "cannot be empty")
			}
			return append(broken, checkPort("port", conf.number("port"))...)
		}).under("config")...)
	default:
		broken.add("type", `unknown backend type. Available backends: "zipkin", "datadog"`)
	}
	return broken
}

func checkZipkin(conf *document) violations {
	var broken violations
	switch conf.text("apiVersion") {
	case "", "httpJsonV1", "httpJson", "httpProto":
	default:
		broken.add("apiVersion", "has invalid value. Allowed values: httpJsonV1, httpJson, httpProto")
	}
	if conf.text("url") == "" {
		broken.add("url", "cannot be empty")
		return broken
	}
	switch address, err := url.ParseRequestURI(conf.text("url")); {
	case err != nil:
		broken.add("url", "invalid URL")
	case address.Port() == "":
		broken.add("url", "port has to be explicitly specified")
	}
	return broken
}

func checkPort(field string, port uint32) violations {
	if port == 0 || port > 65535 {
		return violations{{field, "port must be in the range [1, 65535]"}}
	}
	return nil
}

func checkMetrics(metrics *document) violations {
	var broken violations
	names := usedNames{}
	for i, backend := range metrics.objects("backends") {
		broken = append(broken, names.check(i, backend)...)
		broken = append(broken, checkMetricsBackend(backend).under(fmt.Sprintf("backends[%d]", i))...)
	}
	if enabled := metrics.text("enabledBackend"); enabled != "" && !names[enabled] {
		broken.add("enabledBackend", "has to be set to one of the backends in the mesh")
	}
	return broken
}

func checkMetricsBackend(backend *document) violations {
	if backend.text("type") != "prometheus" {
		return violations{{"type", `unknown backend type. Available backends: "prometheus"`}}
	}
	return checkConf(backend, prometheusSchema(), checkPrometheus).under("conf")
}

func checkPrometheus(conf *document) violations {
	if conf.has("skipMTLS") && conf.has("tls") {
		mode := get[int32](conf.object("tls"), "mode")
		same := conf.flag("skipMTLS") && mode == disabledTLS || !conf.flag("skipMTLS") && mode == activeMTLSBackend
		if !same {
			return violations{{"", "skipMTLS and tls configuration cannot be defined together"}}
		}
	}
	if _, err := regexp.Compile(conf.object("envoy").text("filterRegex")); err != nil {
		return violations{{"envoy.filterRegex", fmt.Sprintf("provided regexp isn't correct: %s", err)}}
	}
	var broken violations
	names := map[string]bool{}
	for i, endpoint := range conf.objects("aggregate") {
		name := endpoint.text("name")
		if names[name] {
			broken.add(fmt.Sprintf("aggregate[%d].name", i), "duplicate entry: %s, values have to be unique", name)
		}
		names[name] = true
	}
	return broken
}

func checkConstraints(constraints *document) violations {
	var broken violations
	for _, list := range []string{"requirements", "restrictions"} {
		for i, rules := range constraints.objects(list) {
			path := fmt.Sprintf("%s[%d].tags", list, i)
			tags := rules.tags("tags")
			if len(tags) == 0 {
				broken.add(path, "must have at least one tag")
			}
			broken = append(broken, checkTags(tags, selectorValue()).under(path)...)
		}
	}
	return broken
}
