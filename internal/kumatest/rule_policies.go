package kumatest

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	fromRulesTo = "fields 'to' and 'from' must be empty when 'rules' is defined"
	fromRules   = "field 'from' must be empty when 'rules' is defined"
	forRoutes   = "can't be specified when top-level TargetRef is referencing MeshHTTPRoute"
	forClients  = "can't be specified when matches contain spiffeID because this field cannot be conditioned on source identity"
	noFrom      = "must not be defined when the scope includes a Gateway, select only proxyType Sidecar or select only gateways and use spec.to"
)

// specRules returns the rules for the documents of each type besides the schema, in the order of their messages.
func specRules() map[string]rule {
	return map[string]rule{
		"HostnameGenerator":         hostnameGeneratorRules(),
		"MeshAccessLog":             all(top(anyTop()...), in(in30, notBoth("'to' must be empty when 'rules' is defined", "rules", "to")), sections(true), each("to", logTarget(), logRules()), each("from", target("Mesh"), logRules()), each("rules", each("matches", matchedClient), logRules())),
		"MeshCircuitBreaker":        circuitBreakerRules(),
		"MeshExternalService":       externalServiceRules(),
		"MeshFaultInjection":        faultInjectionRules(),
		"MeshHTTPRoute":             httpRouteRules(),
		"MeshHealthCheck":           healthCheckRules(),
		"MeshIdentity":              identityRules(),
		"MeshLoadBalancingStrategy": loadBalancingRules(),
		"MeshMetric":                metricRules(),
		"MeshMultiZoneService":      multiZoneServiceRules(),
		"MeshPassthrough":           passthroughRules(),
		"MeshProxyPatch":            proxyPatchRules(),
		"MeshRateLimit":             rateLimitRules(),
		"MeshRetry":                 retryRules(),
		"MeshService":               in(from214, at("selector", when(severalSelectors, refuse("must specify only one of: dataplaneTags, dataplaneRef, or dataplaneLabels")))),
		"MeshTCPRoute":              tcpRouteRules(),
		"MeshTLS":                   tlsRules(),
		"MeshTimeout":               timeoutRules(),
		"MeshTrace":                 traceRules(),
		"MeshTrafficPermission":     trafficPermissionRules(),
		"MeshTrust":                 trustRules(),
	}
}

// sections rejects a policy without any section, and rules together with the sections that they replace. A policy may
// report the latter first.
func sections(conflictFirst bool) rule {
	conflict := all(in(in214, notBoth(fromRulesTo, "rules", "to", "from")))
	empty := all(
		in(in27, oneListed("at least one of 'from', 'to' has to be defined", "from", "to")),
		in(in214, oneListed("at least one of 'from', 'to' or 'rules' has to be defined", "from", "to", "rules")),
		in(in30, oneListed("at least one of 'to' or 'rules' has to be defined", "to", "rules")))
	if conflictFirst {
		return all(conflict, empty)
	}
	return all(empty, conflict)
}

func timeoutRules() rule {
	http := given("http",
		oneGiven("at least one timeout in this section should be configured", "requestTimeout", "streamIdleTimeout", "maxStreamDuration", "maxConnectionDuration"),
		at("requestTimeout", notNegativeTime()), at("streamIdleTimeout", notNegativeTime()), at("maxStreamDuration", notNegativeTime()),
		at("maxConnectionDuration", notNegativeTime()), at("requestHeadersTimeout", notNegativeTime()))
	timeouts := at("default", orElse(
		oneGiven("at least one timeout should be configured", "connectionTimeout", "idleTimeout", "http"),
		all(when(isKind("MeshHTTPRoute"), absent("connectionTimeout", forRoutes), absent("idleTimeout", forRoutes),
			absent("http.maxStreamDuration", forRoutes), absent("http.maxConnectionDuration", forRoutes)),
			at("connectionTimeout", positiveTime()), at("idleTimeout", notNegativeTime()), http)))
	perClient := when(bySpiffeID, at("default", absent("connectionTimeout", forClients), absent("idleTimeout", forClients),
		absent("http.requestHeadersTimeout", forClients), absent("http.maxStreamDuration", forClients), absent("http.maxConnectionDuration", forClients)))
	return all(
		top(topOrRoute()...), in(in30, notBoth("fields 'to' must be empty when 'rules' is defined", "rules", "to")), sections(true),
		when(isKind("MeshHTTPRoute", "MeshGateway"), when(func(p place) bool { return p.listed("from") }, at("from", refuse("must not be defined")))),
		when(not(isKind("MeshHTTPRoute", "MeshGateway")), each("from", target("Mesh"), timeouts)),
		each("to", targetOf(func(p place) []string {
			if isKind("MeshHTTPRoute", "MeshGateway")(p) {
				return []string{"Mesh", "MeshExternalService"}
			}
			return outboundOrRoute(p)
		}), timeouts),
		each("rules", each("matches", matchedClient, clientKnown), perClient, timeouts))
}

func trafficPermissionRules() rule {
	action := at("default.action", when(func(p place) bool { return p.text() == "" }, refuse("must be defined")))
	return all(
		top("Mesh", "MeshSubset", "MeshService", "MeshServiceSubset", "Dataplane"),
		in(in27, when(func(p place) bool { return !p.listed("from") }, at("from", refuse("needs at least one item")))),
		in(in214, notBoth(fromRules, "from", "rules"), oneListed("at least one of 'from' or 'rules' has to be defined", "from", "rules")),
		in(in30, oneListed("policy must define rules", "rules")),
		each("rules",
			when(func(p place) bool {
				conf := p.to("default")
				return !conf.listed("deny") && !conf.listed("allow") && !conf.listed("allowWithShadowDeny")
			}, refuse("at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined")),
			permitted("allow"), permitted("allowWithShadowDeny"), permitted("deny")),
		each("from", target("Mesh", "MeshSubset", "MeshService", "MeshServiceSubset"), action))
}

// permitted checks a list of a rule, which the control plane names without its parent.
func permitted(list string) rule {
	return func(p place) violations {
		matches := p.to("default").to(list)
		matches.path = joinPath(p.path, list)
		var broken violations
		for _, match := range matches.list() {
			broken = append(broken, matchedClient(match)...)
		}
		return broken
	}
}

func circuitBreakerRules() rule {
	consecutive := at("consecutive", positiveInteger())
	detectors := at("detectors", orElse(mustBe(func(p place) bool { return p.value != nil }, "must be defined"),
		oneGiven("must have at least one defined: totalFailures, gatewayFailures, localOriginFailures, successRate, failurePercentage",
			"totalFailures", "gatewayFailures", "localOriginFailures", "successRate", "failurePercentage"),
		all(given("totalFailures", consecutive), given("gatewayFailures", consecutive), given("localOriginFailures", consecutive),
			given("successRate", at("minimumHosts", positiveInteger()), at("requestVolume", positiveInteger()), given("standardDeviationFactor", positiveDecimal)),
			given("failurePercentage", at("minimumHosts", positiveInteger()), at("requestVolume", positiveInteger()), at("threshold", wholePercentage())))))
	conf := orElse(oneGiven("at least one of: 'connectionLimits' or 'outlierDetection' should be configured", "connectionLimits", "outlierDetection"),
		all(given("connectionLimits", at("maxConnections", positiveInteger()), at("maxConnectionPools", positiveInteger()),
			at("maxPendingRequests", positiveInteger()), at("maxRetries", positiveInteger()), at("maxRequests", positiveInteger())),
			given("outlierDetection", at("interval", positiveTime()), at("baseEjectionTime", positiveTime()), at("maxEjectionPercent", wholePercentage()),
				at("healthyPanicThreshold", percentage(true)), detectors)))
	inRules := func(p place) violations { // the control plane reports them as if they were in from
		p.path = strings.Replace(p.path, "spec.rules[", "spec.from[", 1)
		return at("default", conf)(p)
	}
	return all(top(anyTop()...), sections(false), each("rules", inRules),
		each("from", target("Mesh"), at("default", conf)), each("to", target(outbound()...), at("default", conf)))
}

func wholePercentage() rule { return within(0, 100, "must be in inclusive range [0, 100]") }

func positiveDecimal(p place) violations {
	number, err := p.decimal()
	if err != nil {
		return p.refuse("invalid number")
	}
	if number <= 0 {
		return p.refuse("must be greater than 0")
	}
	return nil
}

func logTarget() rule {
	return targetOf(func(p place) []string {
		if isKind("MeshGateway")(p) && p.set != in27 {
			return []string{"Mesh"}
		}
		return outboundOrRoute(p)
	})
}

func logRules() rule {
	format := given("format",
		when(isText("type", "Plain"), defined("plain"), given("plain", notEmpty)),
		when(isText("type", "Json"), defined("json"),
			given("json", mustBe(func(p place) bool { return len(p.list()) > 0 }, "must not be empty")),
			each("json", at("key", mustBe(hasText, "key cannot be empty")), at("value", mustBe(hasText, "value cannot be empty")))))
	openTelemetry := []rule{telemetryBackend(false)}
	backend := all(
		when(isText("type", "File"), orElse(defined("file"), at("file", format, at("path", mustBe(isFilePath, "file backend requires a valid path"))))),
		when(isText("type", "Tcp"), orElse(defined("tcp"), at("tcp", format, at("address", mustBe(isAddress, "tcp backend requires valid address"))))),
		when(isText("type", "OpenTelemetry"), orElse(defined("openTelemetry"), at("openTelemetry", openTelemetry...))))
	return at("default", orElse(defined("backends"), each("backends", backend)))
}

func hasText(p place) bool { return p.text() != "" }

func isFilePath(p place) bool { return filePathSyntax.MatchString(p.text()) }

var filePathSyntax = regexp.MustCompile(`^(/[^/\x00]*)+/?$|^[a-zA-Z]:\\`)

// isAddress reports whether a value is an address, with or without a scheme. A name alone is not: it needs a dot or a
// port.
func isAddress(p place) bool {
	text := p.text()
	if len(text) <= 3 || strings.HasPrefix(text, ".") || !strings.ContainsAny(text, ".:") {
		return false
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	parsed, err := url.ParseRequestURI(text)
	if err != nil || !slices.Contains([]string{"http", "https", "tcp", "udp", "ftp", "ws", "wss"}, parsed.Scheme) {
		return false
	}
	return isIP(parsed.Hostname()) || isDNSName(parsed.Hostname())
}

// telemetryBackend checks the destination of telemetry: an endpoint, or since 2.14 a reference.
func telemetryBackend(needsPort bool) rule {
	reference := given("backendRef",
		when(not(func(p place) bool { return p.isSet("labels") }), refuse("backendRef must have exactly one defined: labels")))
	endpoint := at("endpoint", orElse(
		when(func(p place) bool { return strings.ContainsAny(p.text(), "/?#") }, refuse("must be in host:port format, not a URL")),
		when(func(p place) bool {
			_, _, err := net.SplitHostPort(p.text())
			return needsPort && err != nil
		}, refuse("must be in host:port format"))))
	set := func(p place) (byEndpoint, byReference bool) { return p.isSet("endpoint"), p.has("backendRef") }
	return all(
		in(in214,
			when(func(p place) bool { a, b := set(p); return a && b }, refuse("openTelemetry must have only one type defined: endpoint, backendRef")),
			when(func(p place) bool { a, b := set(p); return !a && !b }, refuse("openTelemetry must have exactly one defined: endpoint, backendRef")),
			when(func(p place) bool { a, b := set(p); return b && !a }, reference),
			when(func(p place) bool { a, b := set(p); return a && !b }, endpoint)),
		in(in30, defined("backendRef"), reference))
}

func faultInjectionRules() rule {
	conf := at("default.http", func(p place) violations {
		var broken violations
		for i, fault := range p.list() {
			under := func(kind string) rule { // the index follows the kind
				return func(place) violations {
					f := fault.to(kind)
					if f.value == nil {
						return nil
					}
					f.path = joinPath(p.path, kind) + "[" + strconv.Itoa(i) + "]"
					return faultRules(kind)(f)
				}
			}
			broken = append(broken, all(under("abort"), under("delay"), under("responseBandwidth"))(p)...)
		}
		return broken
	})
	return all(
		top(anyTop()...), in(in214, notBoth(fromRules, "from", "rules")),
		each("rules", each("matches", matchedClient), conf),
		unlessGateways("from", noFrom, target("Mesh", "MeshSubset", "MeshServiceSubset", "MeshService"), conf),
		onlyGateways(target("Mesh"), conf))
}

func faultRules(kind string) rule {
	share := at("percentage", percentage(true))
	switch kind {
	case "abort":
		return all(at("httpStatus", statusCode()), share)
	case "delay":
		return all(at("value", notNegativeTime()), share)
	default:
		return all(limit("limit"), share)
	}
}

var bandwidthSyntax = regexp.MustCompile(`^(\d*)\s?([GMk]+bps)$`)

// limit checks a bandwidth. 2.7 reports it under the name of its parent.
func limit(name string) rule {
	return func(p place) violations {
		value := p.to(name)
		switch {
		case value.text() == "":
			return value.refuse("must be defined")
		case !bandwidthSyntax.MatchString(value.text()):
			if p.set == in27 {
				value.path = joinPath(p.path, "responseBandwidth")
			}
			return value.refuse("must be in kbps/Mbps/Gbps units")
		}
		return nil
	}
}

// unlessGateways checks a list that a policy for gateways must not have.
func unlessGateways(list, reason string, rules ...rule) rule {
	return func(p place) violations {
		if !p.listed(list) || !p.includesGateways() {
			return each(list, rules...)(p)
		}
		if p.set == in27 {
			reason := "must not be defined"
			return p.to(list).refuse("%s", reason)
		}
		return p.to(list).refuse("%s", reason)
	}
}

// onlyGateways checks a list that only a policy for gateways may have.
func onlyGateways(rules ...rule) rule {
	return func(p place) violations {
		if p.listed("to") && !p.includesGateways() {
			return p.to("to").refuse("must not be defined")
		}
		return each("to", rules...)(p)
	}
}

func rateLimitRules() rule {
	rate := all(at("num", positiveInteger()), at("interval", longerThan(50*time.Millisecond, "must be greater than: 50ms")))
	conf := at("default.local", orElse(mustBe(func(p place) bool { return p.value != nil }, "must be defined"),
		all(oneGiven("must have at least one defined: tcp, http", "tcp", "http"),
			given("http", orElse(oneGiven("must have at least one defined: disabled, requestRate, onRateLimit", "disabled", "requestRate", "onRateLimit"),
				all(given("requestRate", rate), at("onRateLimit.status", positiveInteger())))),
			given("tcp", orElse(oneGiven("must have at least one defined: disabled, connectionRate", "disabled", "connectionRate"),
				given("connectionRate", rate))))))
	return all(
		in(in214, notBoth(fromRulesTo, "rules", "to", "from")),
		in(in30, notBoth("field 'to' must be empty when 'rules' is defined", "rules", "to"), oneListed("at least one of 'to' or 'rules' has to be defined", "to", "rules")),
		top(topOrRoute()...),
		unlessGateways("rules", "must not be defined", each("matches", matchedClient, clientKnown),
			when(bySpiffeID, absent("default.local.tcp", forClients)), conf),
		unlessGateways("from", noFrom, target("Mesh"), conf),
		onlyGateways(target("Mesh"), conf))
}

func retryRules() rule {
	backOff := given("backOff", oneGiven("must not be empty", "baseInterval", "maxInterval"))
	limited := given("rateLimitedBackOff", at("maxInterval", longerThan(0, "must be defined and greater than zero")), defined("resetHeaders"),
		each("resetHeaders", at("name", mustBe(hasText, "must be defined"))))
	hosts := given("hostSelection", selectedHosts)
	http := given("http", oneGiven("must not be empty", "numRetries", "perTryTimeout", "backOff", "retryOn", "retriableRequestHeaders",
		"retriableResponseHeaders", "rateLimitedBackOff", "hostSelection"), backOff, limited, each("retryOn", retriable), hosts)
	grpc := given("grpc", oneGiven("must not be empty", "numRetries", "perTryTimeout", "backOff", "retryOn", "rateLimitedBackOff"), backOff, limited)
	tcp := given("tcp", oneGiven("must not be empty", "maxConnectAttempt"), at("maxConnectAttempt", positiveInteger()))
	conf := called("default", "default.conf", oneGiven("at least one of the 'tcp', 'http', 'grpc' must be specified", "tcp", "http", "grpc"), tcp, http, grpc)
	return all(
		top(topOrRoute()...),
		in(in27, when(func(p place) bool { return !p.listed("to") }, at("to", refuse("needs at least one item")))),
		each("to", targetOf(func(p place) []string {
			if isKind("MeshGateway", "MeshHTTPRoute")(p) {
				return []string{"Mesh", "MeshExternalService"}
			}
			return outboundOrRoute(p)
		}), conf))
}

// retriable checks one condition for a retry.
func retriable(p place) violations {
	known := []string{
		"5xx", "GatewayError", "Reset", "Retriable4xx", "ConnectFailure", "EnvoyRatelimited", "RefusedStream", "Http3PostConnectFailure",
		"HttpMethodConnect", "HttpMethodDelete", "HttpMethodGet", "HttpMethodHead", "HttpMethodOptions", "HttpMethodPatch", "HttpMethodPost",
		"HttpMethodPut", "HttpMethodTrace",
	}
	status, err := strconv.Atoi(p.text())
	if slices.Contains(known, p.text()) || err == nil && http.StatusText(status) != "" {
		return nil
	}
	return p.refuse("unknown item '%s'", p.text())
}

func selectedHosts(p place) violations {
	var broken violations
	once := false
	for _, one := range p.list() {
		switch kind := one.to("predicate"); kind.text() {
		case "OmitHostsWithTags":
			broken = append(broken, defined("tags")(one)...)
		case "OmitPreviousPriorities":
			if once {
				broken = append(broken, kind.refuse("OmitPreviousPriorities must only be specified once")...)
			}
			if often, ok := one.to("updateFrequency").value.(float64); !ok || often <= 0 {
				broken = append(broken, one.to("updateFrequency").refuse("must be defined and greater than zero")...)
			}
			once = true
		}
	}
	return broken
}

func healthCheckRules() rule {
	conf := at("default",
		at("interval", positiveTime()), at("timeout", positiveTime()),
		at("unhealthyThreshold", positive("must be greater than zero when defined")), at("healthyThreshold", positive("must be greater than zero when defined")),
		at("initialJitter", positiveTime()), at("intervalJitter", positiveTime()), at("intervalJitterPercent", wholePercentage()),
		at("healthyPanicThreshold", percentage(true)), at("noTrafficInterval", positiveTime()),
		given("eventLogPath", mustBe(isFilePath, "must be a valid path when defined")),
		given("http", given("path", mustBe(hasText, "must be defined")), each("expectedStatuses", statusCode())),
		oneGiven("must have at least one defined: http, tcp, grpc", "http", "tcp", "grpc"))
	return all(top(anyTop()...), each("to", target(outbound()...), conf))
}

func traceRules() rule {
	backend := all(
		when(isText("type", "Datadog"), orElse(defined("datadog"), at("datadog.url", datadogAddress))),
		when(isText("type", "Zipkin"), orElse(defined("zipkin"), at("zipkin.url", orElse(notEmpty, mustBe(isAddress, "must be a valid url"))))),
		when(isText("type", "OpenTelemetry"), orElse(defined("openTelemetry"), at("openTelemetry", telemetryBackend(false)))))
	sampling := mustBe(func(p place) bool {
		number, err := p.decimal()
		return err == nil && number >= 0 && number <= 100
	}, "must be between 0 and 100")
	number := mustBe(func(p place) bool { _, err := p.decimal(); return err == nil }, "string is not a number")
	share := orElse(number, sampling)
	return all(top(anyTop()...), at("default", defined("backends"),
		at("backends", when(func(p place) bool { return len(p.list()) > 1 }, refuse("must have zero or one backend defined"))),
		when(func(p place) bool { return len(p.to("backends").list()) == 1 }, each("backends", backend)),
		each("tags", at("name", notEmpty),
			when(func(p place) bool { return p.has("header") == p.has("literal") }, refuse("tag must have only one type defined: header, literal"))),
		given("sampling.client", share), given("sampling.random", share), given("sampling.overall", share)))
}

func datadogAddress(p place) violations {
	parsed, err := url.ParseRequestURI(p.text())
	if err != nil {
		return p.refuse("must be a valid url")
	}
	var broken violations
	if parsed.Scheme != "http" {
		broken = append(broken, p.refuse("scheme must be http")...)
	}
	if parsed.Port() == "" {
		broken = append(broken, p.refuse("port must be defined")...)
	} else if number, err := strconv.Atoi(parsed.Port()); err != nil || number < 1 || number > 65535 {
		broken = append(broken, p.refuse("port must be a valid (1-65535)")...)
	}
	for _, part := range []struct {
		name  string
		given bool
	}{
		{"opaque", parsed.Opaque != ""}, {"user", parsed.User != nil}, {"path", parsed.Path != ""},
		{"query", parsed.RawQuery != ""}, {"fragment", parsed.Fragment != ""},
	} {
		if part.given {
			broken = append(broken, p.refuse("%s must not be defined", part.name)...)
		}
	}
	return broken
}

func metricRules() rule {
	backend := func(p place) violations {
		switch p.to("type").text() {
		case "Prometheus":
			if !p.has("prometheus") {
				return p.to("prometheus").refuse("must be defined")
			}
			value := p.to("prometheus").to("port")
			value.path = joinPath(p.path, "port")
			return port()(value)
		case "OpenTelemetry":
			return orElse(defined("openTelemetry"), at("openTelemetry", telemetryBackend(true)))(p)
		default:
			return p.refuse("unrecognized type")
		}
	}
	selector := when(isText("type", "Regex"), at("match", mustBe(isRegex, "invalid regex")))
	named := func(member, instead string, check rule) rule { // the control plane names these lists in the singular
		return called(member, instead, func(p place) violations {
			var broken violations
			for _, one := range p.list() {
				broken = append(broken, check(one)...)
			}
			return broken
		})
	}
	application := func(p place) violations {
		value := p.to("port")
		value.path = p.path
		return port()(value)
	}
	return all(top(anyTop()...), at("default",
		given("sidecar.profiles", each("exclude", selector), each("include", selector)),
		named("applications", "applications.application", application), named("backends", "backends.backend", backend)))
}

func isRegex(p place) bool {
	_, err := regexp.Compile(p.text())
	return err == nil
}

func tcpRouteRules() rule {
	return all(top(anyTop()...), each("to", routeTarget(),
		each("rules", at("default.backendRefs", mustBe(func(p place) bool { return len(p.list()) > 0 }, "must be defined")),
			each("default.backendRefs", backendReference))))
}

func routeTarget() rule {
	return targetOf(func(p place) []string {
		if isKind("MeshGateway")(p) {
			return []string{"Mesh"}
		}
		return outbound()[1:]
	})
}

func backendReference(p place) violations {
	broken := refersTo(backends()...)(p)
	if p.to("kind").text() == "MeshMultiZoneService" && !p.has("port") {
		broken = append(broken, p.to("port").refuse("must be defined with kind MeshMultiZoneService")...)
	}
	return broken
}

func httpRouteRules() rule {
	path := given("path",
		when(isText("type", "PathPrefix"), at("value", when(func(p place) bool { return p.text() != "/" },
			when(func(p place) bool { return strings.HasSuffix(p.text(), "/") },
				refuse("does not need a trailing slash because only a `/`-separated prefix or an entire path is matched")), absolute))),
		when(isText("type", "Exact"), at("value", absolute)))
	headers := each("headers", when(isText("type", "Present", "Absent"), at("value", when(hasText, refuse("must not be defined")))))
	return all(top(anyTop()...), each("to", routeTarget(),
		each("rules",
			each("matches", path, at("queryParams", repeatedNames), headers),
			func(p place) violations { return each("default.filters", filterRules(p))(p) },
			when(isKind("MeshGateway"), at("default.backendRefs", when(func(p place) bool { return len(p.list()) == 0 }, refuse("must not be empty")))),
			each("default.backendRefs", backendReference)),
		when(not(isKind("MeshGateway")), at("hostnames", when(func(p place) bool { return len(p.list()) > 0 }, refuse("must not be defined"))))))
}

func absolute(p place) violations {
	if strings.HasPrefix(p.text(), "/") {
		return nil
	}
	return p.refuse("must be an absolute path")
}

func repeatedNames(p place) violations {
	var broken violations
	seen := map[string]bool{}
	for _, one := range p.list() {
		name := one.to("name")
		if seen[name.text()] {
			broken = append(broken, name.refuse("multiple entries for name %s", name.text())...)
		}
		seen[name.text()] = true
	}
	return broken
}

// filterRules checks a filter of one rule of a route.
func filterRules(routeRule place) rule {
	notByPrefix := slices.ContainsFunc(routeRule.to("matches").list(), func(match place) bool {
		return match.to("path").to("type").text() != "PathPrefix"
	})
	prefix := when(func(place) bool { return notByPrefix }, absent("path.replacePrefixMatch", "can only appear if all matches match a path prefix"))
	hostname := given("hostname", preciseHostname)
	backendName := when(func(p place) bool { on, _ := p.to("hostToBackendHostname").value.(bool); return on },
		when(not(isKind("MeshGateway")), at("hostToBackendHostname", refuse("can only be set with MeshGateway"))),
		when(func(p place) bool { return p.has("hostname") }, at("hostToBackendHostname", refuse("cannot be set together with hostname"))))
	needs := func(kind, name string, rules ...rule) rule {
		return when(isText("type", kind), orElse(defined(name), at(name, rules...)))
	}
	return all(
		needs("RequestHeaderModifier", "requestHeaderModifier", modifiedHeaders), needs("ResponseHeaderModifier", "responseHeaderModifier", modifiedHeaders),
		needs("RequestRedirect", "requestRedirect", prefix, hostname), needs("URLRewrite", "urlRewrite", prefix, hostname, backendName),
		needs("RequestMirror", "requestMirror", at("backendRef", refersTo("MeshService", "MeshServiceSubset"))))
}

func preciseHostname(p place) violations {
	if isIP(p.text()) {
		return p.refuse("cannot be an IP address")
	}
	var broken violations
	for _, problem := range subdomainProblems(p.text()) {
		broken = append(broken, p.refuse("%s", problem)...)
	}
	return broken
}

func modifiedHeaders(p place) violations {
	if broken := oneGiven("must have at least one defined: set, add, remove", "set", "add", "remove")(p); len(broken) > 0 {
		return broken
	}
	var broken violations
	seen := map[string]bool{}
	for _, list := range []string{"set", "add", "remove"} {
		for _, one := range p.to(list).list() {
			name := one.to("name")
			header := name.text()
			if list == "remove" {
				header = one.text()
			}
			if seen[header] {
				broken = append(broken, name.refuse("duplicate header name")...)
			}
			seen[header] = true
		}
	}
	return broken
}

func loadBalancingRules() rule {
	hashes := each("hashPolicies",
		when(isText("type", "Header"), defined("header")),
		when(isText("type", "Cookie"), defined("cookie"), given("cookie.path", when(func(p place) bool { return !strings.HasPrefix(p.text(), "/") }, refuse("must be an absolute path")))),
		when(isText("type", "QueryParameter"), defined("queryParameter")), when(isText("type", "FilterState"), defined("filterState")),
		when(isText("type", "Connection", "SourceIP"), defined("connection")))
	balancer := given("loadBalancer",
		when(isText("type", "RingHash"), given("ringHash", hashes)), when(isText("type", "Maglev"), given("maglev", hashes)),
		when(isText("type", "LeastRequest"), given("leastRequest.activeRequestBias", func(p place) violations {
			number, err := p.decimal()
			switch {
			case err != nil:
				return p.refuse("string must be a valid number")
			case number < 0:
				return p.refuse("must be greater or equal then: 0")
			}
			return nil
		})))
	failover := each("failover",
		given("from", at("zones", mustBe(func(p place) bool { return len(p.list()) > 0 }, "must not be empty")), each("zones", notEmpty)),
		at("to",
			when(isText("type", "Any", "None"), func(p place) violations {
				return at("zones", when(func(p place) bool { return len(p.list()) > 0 }, refuse("must be empty when type is "+p.to("type").text())))(p)
			}),
			when(isText("type", "AnyExcept", "Only"), func(p place) violations {
				return at("zones", when(func(p place) bool { return len(p.list()) == 0 }, refuse("must not be empty when type is "+p.to("type").text())))(p)
			})))
	locality := given("localityAwareness",
		given("localZone", each("affinityTags", at("key", notEmpty), at("weight", positiveInteger())), at("affinityTags", weights)),
		given("crossZone", failover, given("failoverThreshold.percentage", percentage(false))))
	const onlyHashes = "field is not allowed when targetRef.kind is MeshHTTPRoute, only hashPolicies is supported"
	const already = "hashPolicies already specified in the root level"
	conf := func(p place) violations {
		if p.to("targetRef").to("kind").text() == "MeshHTTPRoute" {
			return at("default", hashes, absent("loadBalancer", onlyHashes), absent("localityAwareness", onlyHashes))(p)
		}
		crossZone := func(place) violations { return nil }
		if ref := p.to("targetRef"); ref.to("kind").text() == "MeshService" && (ref.isSet("sectionName") || ref.isSet("labels")) && p.set != in27 {
			crossZone = given("localityAwareness.crossZone", refuse("must not be set: MeshService traffic is local"))
		}
		return at("default", balancer, crossZone, locality, hashes,
			when(func(p place) bool { return p.has("hashPolicies") },
				absent("loadBalancer.ringHash.hashPolicies", already), absent("loadBalancer.maglev.hashPolicies", already)))(p)
	}
	return all(top(anyTop()...),
		in(in27, when(func(p place) bool { return !p.listed("to") }, at("to", refuse("needs at least one item")))),
		each("to", targetOf(func(p place) []string {
			if p.set == in30 {
				return append(outbound(), "MeshHTTPRoute")
			}
			return slices.DeleteFunc(outboundOrRoute(p), func(kind string) bool { return kind == "MeshExternalService" })
		}), conf))
}

func weights(p place) violations {
	weighted := 0
	for _, tag := range p.list() {
		if tag.has("weight") {
			weighted++
		}
	}
	if weighted == 0 || weighted == len(p.list()) {
		return nil
	}
	return p.refuse("all or none affinity tags should have weight")
}

func passthroughRules() rule {
	layer7 := []string{"http", "http2", "grpc"}
	match := all(
		when(func(p place) bool { return p.to("protocol").text() == "mysql" && !p.has("port") }, at("port", refuse("port must be defined for Mysql protocol"))),
		at("port", port()),
		when(isText("type", "CIDR"), at("value", mustBe(isCIDR, "provided CIDR has incorrect value"))),
		when(isText("type", "IP"), at("value", mustBe(func(p place) bool { return isIP(p.text()) }, "provided IP has incorrect value"))),
		when(isText("type", "Domain"), func(p place) violations {
			protocol, value := p.to("protocol"), p.to("value")
			var broken violations
			if protocol.text() == "tcp" || protocol.text() == "mysql" {
				broken = append(broken, protocol.refuse("protocol %s is not supported for a domain", protocol.text())...)
			}
			if partialWildcard.MatchString(value.text()) {
				broken = append(broken, value.refuse("provided DNS has incorrect value, partial wildcard is currently not supported")...)
			}
			if !p.has("port") && strings.HasPrefix(value.text(), "*") && slices.Contains(layer7, protocol.text()) {
				broken = append(broken, p.to("port").refuse("wildcard domains doesn't work for all ports and layer 7 protocol")...)
			}
			if name := strings.TrimPrefix(value.text(), "*."); !strings.HasPrefix(name, "*") && !isDNSName(name) {
				broken = append(broken, value.refuse("provided DNS has incorrect value")...)
			}
			return broken
		}))
	return all(top("Mesh", "MeshSubset", "Dataplane"), at("default", each("appendMatch", match)))
}

var partialWildcard = regexp.MustCompile(`^\*[^\.]+`)

func isCIDR(p place) bool {
	_, _, err := net.ParseCIDR(p.text())
	return err == nil
}

func proxyPatchRules() rule {
	kinds := []string{"cluster", "listener", "virtualHost", "networkFilter", "httpFilter"}
	modification := func(p place) violations {
		var set []string
		for _, kind := range kinds {
			if p.has(kind) {
				set = append(set, kind)
			}
		}
		if len(set) != 1 {
			return p.refuse("exactly one modification can be defined at a time. Currently, %d modifications are defined", len(set))
		}
		return at(set[0],
			when(isText("operation", "Add"), absent("match", "must not be defined"), defined("value")),
			when(isText("operation", "Remove"), absent("value", "must not be defined")),
			when(isText("operation", "AddFirst", "AddLast", "AddBefore", "AddAfter"), defined("value")))(p)
	}
	return all(top(anyTop()...), at("default",
		at("appendModifications", mustBe(func(p place) bool { return len(p.list()) > 0 }, "must not be empty")), each("appendModifications", modification)))
}

func tlsRules() rule {
	conf := at("default", when(not(isKind("Mesh")),
		when(func(p place) bool { return p.listed("tlsCiphers") }, at("tlsCiphers", refuse("tlsCiphers can only be defined with top level targetRef kind: Mesh"))),
		absent("tlsVersion", "tlsVersion can only be defined with top level targetRef kind: Mesh")),
		when(isKind("Mesh"), given("tlsVersion", versionOrder)))
	return all(top("Mesh", "MeshSubset", "Dataplane"), in(in214, notBoth(fromRules, "rules", "from")), each("rules", conf), each("from", target("Mesh"), conf))
}

func versionOrder(p place) violations {
	order := []string{"TLS10", "TLS11", "TLS12", "TLS13"}
	lowest, highest := slices.Index(order, p.to("min").text()), slices.Index(order, p.to("max").text())
	if highest >= 0 && lowest > highest {
		return p.to("min").refuse("min version must be lower than max")
	}
	return nil
}

func severalSelectors(p place) bool {
	count := 0
	for _, name := range []string{"dataplaneTags", "dataplaneRef", "dataplaneLabels"} {
		if p.has(name) {
			count++
		}
	}
	return count > 1
}

func multiZoneServiceRules() rule {
	protocols := []string{"grpc", "http", "http2", "kafka", "tcp"}
	return all(
		at("selector.meshService.matchLabels", when(func(p place) bool { labels, _ := p.value.(map[string]any); return len(labels) == 0 }, refuse("cannot be empty"))),
		at("ports", when(func(p place) bool { return len(p.list()) == 0 }, refuse("cannot be empty"))),
		each("ports", given("name", notEmpty),
			at("appProtocol", mustBe(func(p place) bool { return slices.Contains(protocols, p.text()) }, "appProtocol must be one of: "+strings.Join(protocols, ", ")))))
}

func hostnameGeneratorRules() rule {
	selected := func(p place) bool {
		count := 0
		for _, name := range []string{"meshService", "meshExternalService", "meshMultiZoneService"} {
			if p.has(name) {
				count++
			}
		}
		return count == 1
	}
	return all(
		at("selector", mustBe(selected, "exact one selector (meshService, meshExternalService) must be defined")),
		at("template", orElse(notEmpty, hostnameTemplate)),
		given("extension", at("type", notEmpty)))
}

func externalServiceRules() rule {
	address := func(p place) bool { return isIP(p.text()) || isDNSName(p.text()) }
	withoutExtension := when(func(p place) bool { return !p.has("extension") },
		each("endpoints",
			when(func(p place) bool { return address(p.to("address")) }, at("port", port())),
			at("address", mustBe(address, "address has to be a valid IP or hostname"))),
		given("tls", given("version", versionOrder), given("verification",
			given("serverName", mustBe(func(p place) bool { return isDNSName(p.text()) }, "must be a valid DNS name")),
			when(func(p place) bool { return p.has("clientCert") }, at("clientKey", mustBe(func(p place) bool { return p.value != nil }, "must be defined when clientCert is defined"))),
			when(func(p place) bool { return p.has("clientKey") }, at("clientCert", mustBe(func(p place) bool { return p.value != nil }, "must be defined when clientKey is defined"))))))
	return all(at("match", at("port", port())), withoutExtension, given("extension", at("type", notEmpty)))
}
