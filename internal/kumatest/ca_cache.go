package kumatest

import (
	"fmt"
	"sync"
	"time"
)

// A secretCache is what the secrets of a CA are read through, by its check as by what issues from it. Each load
// fills it; nothing but time empties it, and that a secret is absent is not remembered.
type secretCache struct {
	age     time.Duration                             // how old what is read may be
	get     func(mesh, name string) (*resource, bool) // reads past the cache
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

// empty forgets what was read.
func (c *secretCache) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}

// load returns the content of a secret. With stale it is the one before the last write, however old that is.
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
