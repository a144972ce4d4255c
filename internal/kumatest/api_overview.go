package kumatest

import (
	"encoding/json"
	"net/http"
	"strings"
)

func (e endpoints) getOverview(c *call) (answer, error) {
	r, err := e.find(c)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, e.overview(r, json.RawMessage("{}"))), nil
}

func (e endpoints) listOverviews(c *call) (answer, error) {
	return e.listAs(c, func(r *resource) json.RawMessage { return e.overview(r, nil) })
}

// overview returns an object together with its insight, which exists once a proxy or a zone has connected. Before that,
// a list omits the insight, and a single overview has an empty one.
func (e endpoints) overview(r *resource, insight json.RawMessage) json.RawMessage {
	meta := e.metadataOf(r)
	meta.Type += "Overview"
	member := strings.ToLower(r.kind.name[:1]) + r.kind.name[1:]
	parts := map[string]json.RawMessage{member: r.content}
	if known, ok := e.store.get(r.kind.name+"Insight", r.mesh, r.name); ok {
		insight = known.content
	}
	if insight != nil {
		parts[member+"Insight"] = insight
	}
	return e.renderAs(r, meta, mustMarshal(parts))
}
