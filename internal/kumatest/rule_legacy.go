package kumatest

import (
	"net"
	"strings"
)

// legacyRules returns the rules for the documents of each older type, in the order of their messages.
func legacyRules() map[string]rule {
	between := all(selectors("sources", plainSelector), selectors("destinations", plainSelector))
	toService := all(selectors("sources", plainSelector), selectors("destinations", serviceSelector))
	return map[string]rule{
		"CircuitBreaker":    toService,
		"FaultInjection":    between,
		"HealthCheck":       toService,
		"RateLimit":         between,
		"Retry":             toService,
		"Timeout":           toService,
		"TrafficLog":        toService,
		"TrafficPermission": between,
		"TrafficRoute":      toService,
		"TrafficTrace":      selectors("selectors", plainSelector),
		"VirtualOutbound":   selectors("selectors", plainSelector),
		"ProxyTemplate":     selectors("selectors", plainSelector),
		"ExternalService":   legacyExternalServiceRules(),
		"MeshGateway":       gatewayRules(),
	}
}

// selectors checks a list of sets of tags, which must not be empty.
func selectors(list string, selector rule) rule {
	return orElse(at(list, mustBe(func(p place) bool { return len(p.list()) > 0 }, "must have at least one element")),
		each(list, at("match", selector)))
}

func plainSelector(p place) violations {
	tags, _ := p.value.(map[string]any)
	if len(tags) == 0 {
		return p.refuse("must have at least one tag")
	}
	return tagsAre(selectorValue())(p)
}

func serviceSelector(p place) violations {
	broken := plainSelector(p)
	if _, ok := p.to(serviceTag).value.(string); !ok {
		broken = append(broken, p.refuse("mandatory tag %q is missing", serviceTag)...)
	}
	return broken
}

func legacyExternalServiceRules() rule {
	address := func(p place) violations {
		if p.text() == "" {
			return p.refuse("address can't be empty")
		}
		host, number, err := net.SplitHostPort(p.text())
		var broken violations
		if err != nil {
			broken = append(broken, p.refuse("unable to parse address")...)
		}
		if !isIP(host) && !isDNSName(host) {
			broken = append(broken, p.refuse("address has to be a valid IP address or a domain name")...)
		}
		if number == "" || strings.Trim(number, "0123456789") != "" {
			broken = append(broken, p.refuse("unable to parse port in address")...)
			broken = append(broken, p.refuse("port must be in the range [1, 65535]")...)
		}
		return broken
	}
	source := func(name string) rule {
		return given("tls."+name, oneGiven("data source has to be chosen. Available sources: secret, file, inline", "secret", "file", "inline", "inlineString"))
	}
	return all(
		orElse(at("networking", mustBe(func(p place) bool { return p.value != nil }, "should have networking")),
			at("networking", at("address", address), source("caCert"), source("clientCert"), source("clientKey"))),
		at("tags", tagsAre(plainValue()), serviceRequired))
}

func serviceRequired(p place) violations {
	tags, _ := p.value.(map[string]any)
	if _, ok := tags[serviceTag]; ok {
		return nil
	}
	return p.refuse("mandatory tag %q is missing", serviceTag)
}

func gatewayRules() rule {
	notReserved := func(p place) violations {
		broken := tagsAre(selectorValue())(p)
		tags, _ := p.value.(map[string]any)
		for _, name := range []string{"kuma.io/external-service-name", protocolTag, serviceTag, zoneTag} {
			if _, ok := tags[name]; ok {
				broken = append(broken, violation{p.path + keyPath(name), "tag name must not be \"" + name + "\""})
			}
		}
		return broken
	}
	listener := all(
		at("port", func(p place) violations {
			if number, ok := p.value.(float64); !ok || number < 1 || number > 65535 {
				return p.refuse("port must be in the range [1, 65535]")
			}
			return nil
		}),
		at("protocol", mustBe(hasText, "cannot be empty")),
		when(isText("protocol", "HTTPS"), at("tls", mustBe(func(p place) bool { return p.value != nil }, "cannot be empty"))),
		given("tls", at("mode", mustBe(hasText, "cannot be empty")),
			when(isText("mode", "TERMINATE"), at("certificates", mustBe(func(p place) bool { return len(p.list()) > 0 }, "cannot be empty in TLS termination mode")))),
		at("tags", notReserved))
	return all(
		selectors("selectors", serviceSelector), at("tags", notReserved),
		orElse(at("conf", mustBe(func(p place) bool { return p.value != nil }, "cannot be empty")),
			all(at("conf.listeners", mustBe(func(p place) bool { return len(p.list()) > 0 }, "cannot be empty")), each("conf.listeners", listener))))
}
