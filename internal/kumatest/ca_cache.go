package kumatest

import (
	"fmt"
	"sync"
	"time"
)

// A secretCache is the cache through which the control plane reads the secrets of a CA, to validate it and to issue
// from it. Each load fills it; entries only expire, and absent secrets are not cached.
type secretCache struct {
	age     time.Duration                             // maximum age of an entry
	get     func(mesh, name string) (*resource, bool) // reads without the cache
	missing string

	mu      sync.Mutex
	entries map[key]cachedSecret
}

func newSecretCache(age time.Duration, missing string, get func(mesh, name string) (*resource, bool)) *secretCache {
	return &secretCache{age: age, get: get, missing: missing, entries: map[key]cachedSecret{}}
}

type cachedSecret struct {
	data   []byte
	loaded time.Time
}

// empty deletes all entries.
func (c *secretCache) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}

// load returns the content of a secret. With stale, it is the content before the last write, regardless of its age.
func (c *secretCache) load(mesh, name string, stale bool, now time.Time) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := key{"Secret", mesh, name}
	if cached, ok := c.entries[k]; ok && !stale && now.Sub(cached.loaded) <= c.age {
		return cached.data, nil
	}
	secret, ok := c.get(mesh, name)
	if ok && stale {
		secret = secret.before
	}
	if secret == nil {
		return nil, fmt.Errorf(`%s: type="Secret" name=%q mesh=%q`, c.missing, name, mesh)
	}
	data := get[[]byte](secret.document, "data")
	if !stale {
		c.entries[k] = cachedSecret{data: data, loaded: now}
	}
	return data, nil
}
