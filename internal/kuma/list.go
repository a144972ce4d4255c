package kuma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// pageSize is the most that the control plane gives at once.
const pageSize = "1000"

// list reads all pages of a list. One that changes between its pages, so that
// its total is not the number of its items, is read again, a few times.
func (c *Client) list(ctx context.Context, path string) ([]json.RawMessage, error) {
	for range 3 {
		items, total, err := c.pages(ctx, path)
		if err != nil || total == len(items) {
			return items, err
		}
	}
	return nil, fmt.Errorf("the list %s changes while it is read", path)
}

// listOf is a list, each item as parse reads it.
func listOf[T any](ctx context.Context, c *Client, path string, parse func(json.RawMessage) (T, error)) ([]T, error) {
	items, err := c.list(ctx, path)
	if err != nil {
		return nil, err
	}
	all := make([]T, 0, len(items))
	for _, item := range items {
		parsed, err := parse(item)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	return all, nil
}

func (c *Client) pages(ctx context.Context, path string) (items []json.RawMessage, total int, err error) {
	query := url.Values{"size": {pageSize}}
	for {
		page, _, err := c.get(ctx, path, query)
		if err != nil {
			return nil, 0, err
		}
		var here []json.RawMessage
		var next string
		if err := errors.Join(page.Decode("items", &here), page.Decode("next", &next), page.Decode("total", &total)); err != nil {
			return nil, 0, err
		}
		items = append(items, here...)
		if next == "" {
			return items, total, nil
		}
		// The URL is the control plane's view of itself; only its query counts.
		following, err := url.Parse(next)
		if err != nil || len(here) == 0 || following.Query().Encode() == query.Encode() {
			return nil, 0, fmt.Errorf("the list %s does not end: its next page is none", path)
		}
		query = following.Query()
	}
}
