package tfkit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// vendorProvider is the end of each address of Kong's own provider, in any
// registry or mirror.
const vendorProvider = "/kong/kong-mesh"

// VendorSecret is the state of the type of Kong's provider for a secret of a
// mesh.
type VendorSecret struct {
	Mesh, Name string
	Data       []byte // encoding/json decodes base64
}

// MoveFromVendor migrates the state of a type of Kong's own provider that a
// `moved` block refers to. S is the part of that state to read. Terraform does
// not configure the provider for a move, so move has no client. The read that
// follows must provide what the state does not contain.
func MoveFromVendor[S any](sourceType string, move func(ctx context.Context, source S, resp *resource.MoveStateResponse)) resource.StateMover {
	return MoveTypesFromVendor(func(name string) bool { return name == sourceType }, move)
}

// MoveTypesFromVendor is [MoveFromVendor] for all types whose names movable accepts.
func MoveTypesFromVendor[S any](movable func(sourceType string) bool, move func(ctx context.Context, source S, resp *resource.MoveStateResponse)) resource.StateMover {
	return resource.StateMover{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		sourceType := req.SourceTypeName
		if !movable(sourceType) {
			return // the framework reports that there is no such move
		}
		var source S
		switch {
		case !strings.HasSuffix(req.SourceProviderAddress, vendorProvider):
			resp.Diagnostics.AddError("Not a kong/kong-mesh state", fmt.Sprintf(
				"The %s to move belongs to the provider %s. The provider can only move the state of kong/kong-mesh. Remove the "+
					"resource from the state with a removed block that has `destroy = false`, and import the object instead.",
				sourceType, req.SourceProviderAddress))
		case req.SourceSchemaVersion != 0:
			resp.Diagnostics.AddError("Unsupported state version", fmt.Sprintf(
				"The state of the %s to move has schema version %d, and the provider only supports version 0. Remove the "+
					"resource from the state with a removed block that has `destroy = false`, and import the object instead.",
				sourceType, req.SourceSchemaVersion))
		case json.Unmarshal(req.SourceRawState.JSON, &source) != nil: // not quoted: it may contain a key
			resp.Diagnostics.AddError("Unexpected state", fmt.Sprintf("The provider cannot read the state of the %s to move. Remove the resource from the state with a removed block "+
				"that has `destroy = false`, and import the object instead.", sourceType))
		default:
			move(ctx, source, resp)
		}
	}}
}

// ImportBlock returns the block that imports an object. NAME stands for the
// name of the resource, which the provider does not know.
func ImportBlock(resourceType, id string) string {
	return fmt.Sprintf("import {\n  to = %s.NAME\n  id = %q\n}\n", resourceType, id)
}

// ownProvider is the end of each address of this provider, in any registry or
// mirror.
const ownProvider = "/kongmesh"

// MoveFromOwn migrates the state of another type of this provider, as
// [MoveFromVendor] does for Kong's.
func MoveFromOwn[S any](sourceType string, move func(ctx context.Context, source S, resp *resource.MoveStateResponse)) resource.StateMover {
	return resource.StateMover{StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		var source S
		if req.SourceTypeName == sourceType && req.SourceSchemaVersion == 0 && strings.HasSuffix(req.SourceProviderAddress, ownProvider) &&
			json.Unmarshal(req.SourceRawState.JSON, &source) == nil { // otherwise, the framework reports that there is no such move
			move(ctx, source, resp)
		}
	}}
}
