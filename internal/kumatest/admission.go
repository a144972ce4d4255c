package kumatest

// This file joins the general handlers to what is particular to a type. Each function asks the one rule of the
// type concerned; most types have none.

// checkContent checks what a document says by itself.
func (cp *ControlPlane) checkContent(kind *resourceType, doc *document) violations {
	switch kind.name {
	case "Mesh":
		return cp.checkMesh(doc)
	case "Dataplane":
		return cp.checkDataplane(doc)
	default:
		return nil
	}
}

// admitCreate completes and checks a new resource against what else there is.
func (e endpoints) admitCreate(c *call, draft *resource, given map[string]string) error {
	switch e.kind.name {
	case "Mesh":
		return e.admitMesh(c, nil, draft, given)
	case "Dataplane":
		return e.admitDataplane(nil, draft)
	default:
		return nil
	}
}

// admitUpdate does the same for another version of a resource.
func (e endpoints) admitUpdate(c *call, current, draft *resource) error {
	switch e.kind.name {
	case "Mesh":
		if err := e.admitMesh(c, current, draft, nil); err != nil {
			return err
		}
		if err := e.ensureAuthorities(draft); err != nil {
			return internal(e.release.updateTitle)
		}
		return nil
	case "Dataplane":
		return e.admitDataplane(current, draft)
	default:
		return nil
	}
}

// established makes what has to be there besides a new resource. When that fails the resource stays.
func (e endpoints) established(r *resource) error {
	if e.kind.name != "Mesh" {
		return nil
	}
	if err := e.ensureAuthorities(r); err != nil {
		return internal(e.release.createTitle)
	}
	e.ensureDefaults(r)
	return nil
}

func (e endpoints) checkDelete(current *resource) violations {
	switch {
	case e.unsafe:
		return nil
	case e.kind.name == "Mesh":
		return e.checkMeshDelete(current)
	case e.kind.name == "Secret":
		return e.checkSecretDelete(current)
	default:
		return nil
	}
}

// ownerOf returns the mesh that r goes with. Secrets stay behind.
func (e endpoints) ownerOf(r *resource) string {
	if e.kind.name == "Secret" {
		return ""
	}
	return r.mesh
}

// warnings are told to the client with the answer that a write took place.
func (e endpoints) warnings(r *resource) []string {
	if e.kind.name == "Mesh" && r.name != "" {
		return e.meshWarnings(r)
	}
	return nil
}
