package kuma

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Maximum lengths of names (recordings of refused names and bodies of meshes,
// and of the life cycle of secrets).
const (
	MaxMeshName   = 63
	MaxSecretName = 253
)

var namePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// CheckName applies the control plane's rule for names: an RFC 1123 subdomain
// of at most longest characters.
func CheckName(name string, longest int) error {
	return checkName(name, longest, namePattern, `only lowercase letters, digits, "-" and "." are allowed, and it must start and end with a letter or digit`)
}

var meshReferencePattern = regexp.MustCompile(`^[0-9a-z][-_.0-9a-z]*$`)

// CheckMeshReference applies the rule for the name of an existing mesh:
// versions before 2.7 allowed "_".
func CheckMeshReference(name string) error {
	return checkName(name, MaxSecretName, meshReferencePattern, `only lowercase letters, digits, "-", "." and "_" are allowed, and it must start with a letter or digit`)
}

func checkName(name string, longest int, pattern *regexp.Regexp, rule string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > longest:
		return fmt.Errorf("it has %d characters, and the maximum is %d", len(name), longest)
	case !pattern.MatchString(name):
		return errors.New(rule)
	}
	return nil
}

var durationPattern = regexp.MustCompile(`^([0-9]+)(y|w|d|h|m|s|ms)$`)

// ParseDuration parses a duration like the control plane does for the lifetime
// of a certificate: one whole number and one unit (y, w, d, h, m, s or ms), or
// 0 (recording "backend configuration that is refused, and its forms").
func ParseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	match := durationPattern.FindStringSubmatch(text)
	if match == nil {
		return 0, errors.New("it is not one whole number and one unit, such as 1d, 36h or 90m")
	}
	const day = 24 * time.Hour
	unit := map[string]time.Duration{
		"y": 365 * day, "w": 7 * day, "d": day, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond,
	}[match[2]]
	n, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || n > int64(1<<63-1)/int64(unit) {
		return 0, errors.New("it is too long")
	}
	return time.Duration(n) * unit, nil
}
