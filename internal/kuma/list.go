package kuma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// pageSize is the largest page that the control plane returns.
const pageSize = "1000"

// Limits for a list from a server that never ends one: the number of pages, and
// the total time.
const (
	maxPages    = 1000
	maxListTime = 5 * time.Minute
	maxListSize = 8 * maxBody // total bytes of the items
)

// items reads all pages of a list. If it changes in the meantime, so that its
// total differs from the number of its items, items reads it again, up to a few
// times.
func (c *Client) items(ctx context.Context, path string) ([]json.RawMessage, error) {
	limited, cancel := c.config.Clock.WithTimeout(ctx, maxListTime)
	defer cancel()
	for range 3 {
		items, total, err := c.pages(limited, path)
		switch {
		case limited.Err() != nil && ctx.Err() == nil:
			return nil, fmt.Errorf("the list %s took longer than %s", path, maxListTime)
		case err != nil || total == len(items):
			return items, err
		}
	}
	return nil, fmt.Errorf("the list %s never contains the number of items that it reports: it changes continuously, or it is not from a "+
		"control plane", path)
}

// pages reads a list once. It stops if there are more items than the total in
// the list, or if a page repeats.
func (c *Client) pages(ctx context.Context, path string) (items []json.RawMessage, total int, err error) {
	query := url.Values{"size": {pageSize}}
	seen := map[string]bool{}
	size := 0
	for {
		seen[query.Encode()] = true
		page, err := c.getDocument(ctx, path, query)
		if err != nil {
			return nil, 0, err
		}
		var here []json.RawMessage
		var next string
		if err := errors.Join(page.Decode("items", &here), page.Decode("next", &next), page.Decode("total", &total)); err != nil {
			return nil, 0, err
		}
		items = append(items, here...)
		for _, item := range here {
			size += len(item)
		}
		if next == "" {
			return items, total, nil
		}
		// The URL is that of the control plane for itself; only its query
		// counts.
		following, err := url.Parse(next)
		switch {
		case err != nil || len(here) == 0 || seen[following.Query().Encode()]:
			return nil, 0, fmt.Errorf("the list %s does not end: its next page is missing or repeated", path)
		case size > maxListSize:
			return nil, 0, fmt.Errorf("the list %s is longer than any of a control plane", path)
		case len(seen) == maxPages:
			return nil, 0, fmt.Errorf("the list %s has more than %d pages", path, maxPages)
		case len(items) > total:
			return items, total, nil
		}
		query = following.Query()
	}
}
