package kumatest

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPageSize = 100
	maxPageSize     = 1000
)

func (e endpoints) list(c *call) (answer, error) {
	return e.listAs(c, e.render)
}

func (e endpoints) listAs(c *call, render func(*resource) json.RawMessage) (answer, error) {
	const title = "Could not retrieve resources"
	query := c.request.URL.Query()
	size, err := e.pageSize(query.Get("size"))
	if err != nil {
		return answer{}, err
	}
	keep, broken := e.filters(query, c.pattern())
	if err := invalid(title, broken); err != nil {
		return answer{}, err
	}
	mesh, err := e.meshOf(c)
	if err != nil {
		return answer{}, err
	}
	if err := e.authorize(c); err != nil {
		return answer{}, err
	}
	found := c.seen(e.store.list(e.kind.name, mesh, keep)...)
	if e.kubernetes && mesh != "" && e.kind.is(isSecret) { // which lists by the label
		found = slices.DeleteFunc(found, func(r *resource) bool { return r.labels[meshLabel] != mesh })
	}
	if size == 0 && keep == nil { // then they stay unsorted
		slices.SortFunc(found, func(a, b *resource) int { return cmp.Compare(a.age, b.age) })
	}
	offset, err := e.offset(query.Get("offset"), size)
	if err != nil {
		return answer{}, err
	}

	page := struct {
		Total int               `json:"total"`
		Items []json.RawMessage `json:"items"`
		Next  *string           `json:"next"`
	}{Total: len(found), Items: []json.RawMessage{}}
	for _, r := range pageOf(found, size, offset) {
		page.Items = append(page.Items, render(r))
	}
	if size != 0 && offset+size < len(found) {
		page.Next = nextPage(c.request, offset+size)
	}
	return jsonAnswer(http.StatusOK, page), nil
}

// pageOf returns the resources on a page. A size of 0 means all; a negative one means none.
func pageOf(all []*resource, size, offset int) []*resource {
	if size == 0 {
		return all
	}
	start := min(max(offset, 0), len(all))
	end := min(max(offset+size, start), len(all))
	return all[start:end]
}

func (e endpoints) pageSize(text string) (int, error) {
	refuse := func(reason string) error {
		return &refusal{
			status: http.StatusBadRequest, title: "Could not retrieve resources", detail: "Invalid page size",
			violations: violations{{"size", reason}},
		}
	}
	if text == "" {
		return defaultPageSize, nil
	}
	size, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, refuse("invalid format")
	case size <= 0 && e.release.pageSizeMin:
		return 0, refuse("must be greater than 0")
	case size > maxPageSize:
		return 0, refuse("invalid page size of " + strconv.Itoa(size) + ". Maximum page size is " + strconv.Itoa(maxPageSize))
	}
	return size, nil
}

func (e endpoints) offset(text string, size int) (int, error) {
	if text == "" || size == 0 {
		return 0, nil
	}
	refuse := func(detail string, broken violations) error {
		return &refusal{status: http.StatusBadRequest, title: "Could not retrieve resources", detail: detail, violations: broken}
	}
	offset, err := strconv.Atoi(text)
	switch {
	case err != nil && !e.release.pageSizeMin:
		return 0, refuse("Invalid offset", violations{{"offset", "Invalid format"}})
	case err != nil:
		return 0, refuse("invalid: invalid offset: "+err.Error(), nil)
	case offset < 0 && !e.release.pageSizeMin:
		panic(http.ErrAbortHandler) // a real one panics and closes the connection
	case offset < 0:
		return 0, refuse("invalid: invalid offset: must be non-negative", nil)
	case offset > math.MaxInt-size && e.release.pageSizeMin:
		return 0, refuse("invalid: invalid offset: exceeds maximum value", nil)
	}
	return offset, nil
}

// nextPage returns the address of the next page with the client's parameters.
func nextPage(r *http.Request, offset int) *string {
	query := r.URL.Query()
	query.Set("offset", strconv.Itoa(offset))
	next := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: query.Encode()}
	if r.TLS != nil {
		next.Scheme = "https"
	}
	text := next.String()
	return &text
}

// filters returns the filter in a request's parameters, or nil for none.
func (e endpoints) filters(query url.Values, pattern string) (func(*resource) bool, violations) {
	var broken violations
	var all []func(*resource) bool
	if part := query.Get("name"); part != "" {
		all = append(all, func(r *resource) bool { return strings.Contains(r.name, part) })
	}
	if e.release.computeLabels {
		for _, parameter := range slices.Sorted(maps.Keys(query)) {
			label, isLabel := strings.CutPrefix(parameter, "filter[labels.")
			label, rest, closed := strings.Cut(label, "]")
			value := query[parameter][len(query[parameter])-1]
			switch {
			case !strings.HasPrefix(parameter, "filter["):
			case isLabel && !closed:
				panic(http.ErrAbortHandler) // as a real one, in this request
			case !isLabel:
				broken.add(pattern+"."+parameter, "filters are only supported on labels")
			case rest != "":
				broken.add(pattern+"."+parameter, "advanced filters are not supported")
			default:
				all = append(all, func(r *resource) bool { got, ok := r.labels[label]; return ok && got == value })
			}
		}
	}
	if e.kind.filter != nil && len(broken) == 0 {
		var more []func(*resource) bool
		more, broken = e.kind.filter(e.ControlPlane, query, pattern)
		all = append(all, more...)
	}
	if len(all) == 0 {
		return nil, broken
	}
	return func(r *resource) bool {
		for _, keep := range all {
			if !keep(r) {
				return false
			}
		}
		return true
	}, broken
}
