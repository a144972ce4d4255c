package kumatest

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"strings"
)

type handler func(*call) (answer, error)

type route struct {
	method string
	path   string
	parts  []string
	handle handler
	open   bool // served to every user
}

// A router finds the route of a request: by path, then method, then Content-Type, then Accept. If there is none, it
// says which of them did not match.
type router struct {
	routes []route
}

func (rt *router) add(method, pattern string, handle handler) *route {
	rt.routes = append(rt.routes, route{method: method, path: pattern, parts: pathParts(pattern), handle: handle})
	return &rt.routes[len(rt.routes)-1]
}

// find returns the route and the values of the pattern's {parameters}, or the answer for a request without a route.
func (rt *router) find(r *http.Request) (*route, map[string]string, answer) {
	parts := pathParts(r.URL.Path)
	candidates := rt.matching(parts)
	if len(candidates) == 0 {
		return nil, nil, textAnswer(http.StatusNotFound, "404: Page Not Found")
	}
	var allowed []string
	var found *route
	for _, candidate := range candidates {
		if !slices.Contains(allowed, candidate.method) {
			allowed = append(allowed, candidate.method)
		}
		if candidate.method == r.Method && found == nil {
			found = candidate
		}
	}
	switch {
	case found == nil:
		refused := textAnswer(http.StatusMethodNotAllowed, "405: Method Not Allowed")
		refused.header.Set("Allow", strings.Join(allowed, ", "))
		return nil, nil, refused
	case !consumesJSON(r):
		return nil, nil, textAnswer(http.StatusUnsupportedMediaType, "415: Unsupported Media Type")
	case !acceptsJSON(r.Header.Get("Accept")):
		return nil, nil, textAnswer(http.StatusNotAcceptable, "406: Not Acceptable\n\nAvailable representations: application/json")
	}
	return found, found.parameters(parts), answer{}
}

// matching returns the routes whose pattern matches, those with the most literal parts first.
func (rt *router) matching(parts []string) []*route {
	var fitting []*route
	for i := range rt.routes {
		if rt.routes[i].matches(parts) {
			fitting = append(fitting, &rt.routes[i])
		}
	}
	slices.SortStableFunc(fitting, func(a, b *route) int { return cmp.Compare(a.variables(), b.variables()) })
	return fitting
}

func (r *route) matches(parts []string) bool {
	if len(parts) != len(r.parts) {
		return false
	}
	for i, part := range r.parts {
		if !isVariable(part) && part != parts[i] {
			return false
		}
	}
	return true
}

func (r *route) variables() int {
	count := 0
	for _, part := range r.parts {
		if isVariable(part) {
			count++
		}
	}
	return count
}

func (r *route) parameters(parts []string) map[string]string {
	values := map[string]string{}
	for i, part := range r.parts {
		if isVariable(part) {
			values[strings.Trim(part, "{}")] = parts[i]
		}
	}
	return values
}

func isVariable(part string) bool { return strings.HasPrefix(part, "{") }

// pathParts splits a path. It ignores a slash at the end.
func pathParts(p string) []string {
	if p == "/" {
		return nil
	}
	return strings.Split(strings.Trim(p, "/"), "/")
}

// canonicalPath returns the path to which the router redirects a client if it differs from the requested one.
func canonicalPath(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// consumesJSON reports whether the body of a request is JSON according to its header, or needs no header.
func consumesJSON(r *http.Request) bool {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return r.Method == http.MethodGet || r.Method == http.MethodDelete
	}
	return listsMediaType(header, func(mediaType string) bool { return mediaType == "application/json" })
}

func acceptsJSON(header string) bool {
	return header == "" || listsMediaType(header, func(mediaType string) bool {
		return mediaType == "application/json" || mediaType == "*/*"
	})
}

func listsMediaType(header string, fits func(string) bool) bool {
	for one := range strings.SplitSeq(header, ",") {
		mediaType, _, _ := strings.Cut(one, ";") // not mime.ParseMediaType, because case matters
		if fits(strings.Trim(mediaType, " ")) {
			return true
		}
	}
	return false
}
