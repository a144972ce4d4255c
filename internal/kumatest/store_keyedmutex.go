package kumatest

import "sync"

// A keyedMutex is one mutex for each key.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex
}

func (m *keyedMutex) lock(key string) (unlock func()) {
	m.mu.Lock()
	if m.locks == nil {
		m.locks = map[string]*sync.Mutex{}
	}
	one, ok := m.locks[key]
	if !ok {
		one = &sync.Mutex{}
		m.locks[key] = one
	}
	m.mu.Unlock()
	one.Lock()
	return one.Unlock
}
