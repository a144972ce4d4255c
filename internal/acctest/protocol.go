package acctest

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Protocol is a configured provider that a test calls like Terraform does, for
// features that need a newer Terraform: import by identity, and queries.
type Protocol struct {
	tfprotov6.ProviderServer
	Lists      tfprotov6.ListResourceServer
	Schemas    *tfprotov6.GetProviderSchemaResponse
	Identities map[string]*tfprotov6.ResourceIdentitySchema

	t *testing.T
}

// Protocol starts a provider for this control plane.
func (e *Env) Protocol() *Protocol {
	e.t.Helper()
	return e.ProtocolWith(map[string]any{"address": e.Address}, false)
}

// ProtocolWith starts a provider with these arguments. deferral reports whether
// Terraform can plan in several runs.
func (e *Env) ProtocolWith(config map[string]any, deferral bool) *Protocol {
	e.t.Helper()
	server, err := e.Provider()["kongmesh"]()
	if err != nil {
		e.t.Fatal(err)
	}
	lists, ok := server.(tfprotov6.ListResourceServer)
	if !ok {
		e.t.Fatal("the provider has no queries")
	}
	p := &Protocol{ProviderServer: server, Lists: lists, t: e.t}
	p.Schemas = must(p, func(ctx context.Context) (*tfprotov6.GetProviderSchemaResponse, error) {
		return server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	})
	p.NoProblems(p.Schemas.Diagnostics)
	p.Identities = must(p, func(ctx context.Context) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
		return server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	}).IdentitySchemas
	answer := must(p, func(ctx context.Context) (*tfprotov6.ConfigureProviderResponse, error) {
		return server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{
			Config:             p.Value(p.Schemas.Provider.ValueType(), config),
			ClientCapabilities: &tfprotov6.ConfigureProviderClientCapabilities{DeferralAllowed: deferral},
		})
	})
	p.NoProblems(answer.Diagnostics)
	return p
}

// Import imports an object by an ID or by the attributes of an identity, and
// reads it. It returns the state after that, and the identity. If the import
// returns an identity too, the two must be equal.
func (p *Protocol) Import(resourceType string, by any) (state, identity map[string]any, problems []*tfprotov6.Diagnostic) {
	p.t.Helper()
	request := &tfprotov6.ImportResourceStateRequest{TypeName: resourceType}
	switch by := by.(type) {
	case string:
		request.ID = by
	case map[string]any:
		request.Identity = &tfprotov6.ResourceIdentityData{IdentityData: p.Value(p.Identities[resourceType].ValueType(), by)}
	}
	imported := must(p, func(ctx context.Context) (*tfprotov6.ImportResourceStateResponse, error) {
		return p.ImportResourceState(ctx, request)
	})
	if len(imported.ImportedResources) == 0 {
		return nil, nil, imported.Diagnostics
	}
	found := imported.ImportedResources[0]
	read := must(p, func(ctx context.Context) (*tfprotov6.ReadResourceResponse, error) {
		return p.ReadResource(ctx, &tfprotov6.ReadResourceRequest{
			TypeName: resourceType, CurrentState: found.State, Private: found.Private, CurrentIdentity: found.Identity,
		})
	})
	state, identity = p.resource(resourceType, read.NewState), p.identity(resourceType, read.NewIdentity)
	if first := p.identity(resourceType, found.Identity); first != nil && state != nil && !maps.Equal(first, identity) {
		p.t.Errorf("imported, the identity of %s is %v, and read it is %v", resourceType, first, identity)
	}
	return state, identity, append(imported.Diagnostics, read.Diagnostics...)
}

// Listed is one result of a query. State is nil if it was not requested.
type Listed struct {
	Name            string
	Identity, State map[string]any
}

// Query validates a list block and runs it. The problems are those of both.
func (p *Protocol) Query(resourceType string, config map[string]any, limit int64, full bool) (found []Listed, problems []*tfprotov6.Diagnostic) {
	p.t.Helper()
	value := p.Value(p.Schemas.ListResourceSchemas[resourceType].ValueType(), config)
	valid := must(p, func(ctx context.Context) (*tfprotov6.ValidateListResourceConfigResponse, error) {
		return p.Lists.ValidateListResourceConfig(ctx, &tfprotov6.ValidateListResourceConfigRequest{TypeName: resourceType, Config: value})
	})
	if len(valid.Diagnostics) > 0 {
		return nil, valid.Diagnostics
	}
	stream := must(p, func(ctx context.Context) (*tfprotov6.ListResourceServerStream, error) {
		return p.Lists.ListResource(ctx, &tfprotov6.ListResourceRequest{TypeName: resourceType, Config: value, Limit: limit, IncludeResource: full})
	})
	for result := range stream.Results {
		problems = append(problems, result.Diagnostics...)
		if result.Identity == nil {
			continue
		}
		found = append(found, Listed{result.DisplayName, p.identity(resourceType, result.Identity), p.resource(resourceType, result.Resource)})
	}
	return found, problems
}

// NoProblems fails the test if there are any problems.
func (p *Protocol) NoProblems(problems []*tfprotov6.Diagnostic) {
	p.t.Helper()
	for _, problem := range problems {
		p.t.Fatalf("%s: %s: %s", problem.Severity, problem.Summary, problem.Detail)
	}
}

// Create plans and applies a new resource. It returns the state after that, and
// the identity.
func (p *Protocol) Create(resourceType string, config map[string]any) (state, identity map[string]any, problems []*tfprotov6.Diagnostic) {
	p.t.Helper()
	of := p.Schemas.ResourceSchemas[resourceType].ValueType()
	none, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, nil))
	if err != nil {
		p.t.Fatal(err)
	}
	value := p.Value(of, config)
	planned := must(p, func(ctx context.Context) (*tfprotov6.PlanResourceChangeResponse, error) {
		return p.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
			TypeName: resourceType, Config: value, PriorState: &none, ProposedNewState: value,
		})
	})
	p.NoProblems(planned.Diagnostics)
	applied := must(p, func(ctx context.Context) (*tfprotov6.ApplyResourceChangeResponse, error) {
		return p.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
			TypeName: resourceType, Config: value, PriorState: &none, PlannedState: planned.PlannedState, PlannedPrivate: planned.PlannedPrivate,
		})
	})
	return p.resource(resourceType, applied.NewState), p.identity(resourceType, applied.NewIdentity), applied.Diagnostics
}

// Generated returns the configuration that Terraform generates for an object,
// whose sensitive values it leaves out.
func (p *Protocol) Generated(resourceType string, state map[string]any) map[string]any {
	p.t.Helper()
	value := p.Value(p.Schemas.ResourceSchemas[resourceType].ValueType(), state)
	answer := must(p, func(ctx context.Context) (*tfprotov6.GenerateResourceConfigResponse, error) {
		return p.GenerateResourceConfig(ctx, &tfprotov6.GenerateResourceConfigRequest{TypeName: resourceType, State: value})
	})
	p.NoProblems(answer.Diagnostics)
	return p.resource(resourceType, answer.Config)
}

// Validate returns the diagnostics for a configuration of a resource.
func (p *Protocol) Validate(resourceType string, config map[string]any) []*tfprotov6.Diagnostic {
	p.t.Helper()
	value := p.Value(p.Schemas.ResourceSchemas[resourceType].ValueType(), config)
	return must(p, func(ctx context.Context) (*tfprotov6.ValidateResourceConfigResponse, error) {
		return p.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{
			TypeName: resourceType, Config: value, ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
		})
	}).Diagnostics
}

// Value returns an object of a type with these attributes, and null for all
// others. [tftypes.UnknownValue] is an unknown value.
func (p *Protocol) Value(of tftypes.Type, attributes map[string]any) *tfprotov6.DynamicValue {
	p.t.Helper()
	value, err := tfprotov6.NewDynamicValue(of, valueOf(p.t, of, attributes))
	if err != nil {
		p.t.Fatal(err)
	}
	return &value
}

// valueOf is the inverse of plain.
func valueOf(t *testing.T, of tftypes.Type, plain any) tftypes.Value {
	t.Helper()
	switch of := of.(type) {
	case tftypes.Object:
		attributes, ok := plain.(map[string]any)
		if !ok {
			return tftypes.NewValue(of, nil)
		}
		values := map[string]tftypes.Value{}
		for name, kind := range of.AttributeTypes {
			values[name] = valueOf(t, kind, attributes[name])
		}
		for name := range attributes {
			if _, is := values[name]; !is {
				t.Fatalf("there is no attribute %s", name)
			}
		}
		return tftypes.NewValue(of, values)
	case tftypes.Map:
		all, ok := plain.(map[string]any)
		if !ok {
			return tftypes.NewValue(of, nil)
		}
		values := map[string]tftypes.Value{}
		for name, one := range all {
			values[name] = valueOf(t, of.ElementType, one)
		}
		return tftypes.NewValue(of, values)
	case tftypes.List:
		return tftypes.NewValue(of, elementsOf(t, of.ElementType, plain))
	case tftypes.Set:
		return tftypes.NewValue(of, elementsOf(t, of.ElementType, plain))
	default: // strings and numbers
		if of.Is(tftypes.DynamicPseudoType) && plain != nil {
			return dynamicOf(t, plain)
		}
		return tftypes.NewValue(of, plain)
	}
}

// dynamicOf returns a value of the type that Terraform infers in a
// configuration.
func dynamicOf(t *testing.T, plain any) tftypes.Value {
	t.Helper()
	switch plain := plain.(type) {
	case nil:
		return tftypes.NewValue(tftypes.DynamicPseudoType, nil)
	case bool:
		return tftypes.NewValue(tftypes.Bool, plain)
	case string:
		return tftypes.NewValue(tftypes.String, plain)
	case int, float64:
		return tftypes.NewValue(tftypes.Number, plain)
	case map[string]any:
		kinds, values := map[string]tftypes.Type{}, map[string]tftypes.Value{}
		for name, one := range plain {
			values[name] = dynamicOf(t, one)
			kinds[name] = values[name].Type()
		}
		return tftypes.NewValue(tftypes.Object{AttributeTypes: kinds}, values)
	case []any:
		kinds, values := make([]tftypes.Type, len(plain)), make([]tftypes.Value, len(plain))
		for i, one := range plain {
			values[i] = dynamicOf(t, one)
			kinds[i] = values[i].Type()
		}
		return tftypes.NewValue(tftypes.Tuple{ElementTypes: kinds}, values)
	}
	t.Fatalf("a %T is no part of a configuration", plain)
	return tftypes.Value{}
}

// elementsOf returns the elements of a list or set, or nil for null.
func elementsOf(t *testing.T, of tftypes.Type, plain any) any {
	t.Helper()
	all, ok := plain.([]any)
	if !ok {
		return nil
	}
	values := make([]tftypes.Value, len(all))
	for i, one := range all {
		values[i] = valueOf(t, of, one)
	}
	return values
}

func (p *Protocol) resource(resourceType string, value *tfprotov6.DynamicValue) map[string]any {
	p.t.Helper()
	if value == nil {
		return nil
	}
	return p.Plain(p.Schemas.ResourceSchemas[resourceType].ValueType(), value)
}

func (p *Protocol) identity(resourceType string, data *tfprotov6.ResourceIdentityData) map[string]any {
	p.t.Helper()
	if data == nil {
		return nil
	}
	return p.Plain(p.Identities[resourceType].ValueType(), data.IdentityData)
}

// Plain returns an object as encoding/json would decode it.
func (p *Protocol) Plain(of tftypes.Type, data *tfprotov6.DynamicValue) map[string]any {
	p.t.Helper()
	value, err := data.Unmarshal(of)
	if err != nil {
		p.t.Fatal(err)
	}
	object, _ := plain(p.t, value).(map[string]any)
	return object
}

// plain returns a value as encoding/json would decode it.
func plain(t *testing.T, value tftypes.Value) any {
	t.Helper()
	if value.IsNull() {
		return nil
	}
	var err error
	defer func() {
		if err != nil {
			t.Fatal(err)
		}
	}()
	switch kind := value.Type(); {
	case kind.Is(tftypes.String):
		var is string
		err = value.As(&is)
		return is
	case kind.Is(tftypes.Bool):
		var is bool
		err = value.As(&is)
		return is
	case kind.Is(tftypes.Number):
		var is big.Float
		err = value.As(&is)
		near, _ := is.Float64()
		return near
	case kind.Is(tftypes.Object{}), kind.Is(tftypes.Map{}):
		var is map[string]tftypes.Value
		err = value.As(&is)
		all := map[string]any{}
		for name, one := range is {
			all[name] = plain(t, one)
		}
		return all
	default:
		var is []tftypes.Value
		err = value.As(&is)
		all := []any{}
		for _, one := range is {
			all = append(all, plain(t, one))
		}
		return all
	}
}

// must returns an answer of the provider, which always answers.
func must[A any](p *Protocol, call func(context.Context) (A, error)) A {
	p.t.Helper()
	answer, err := call(p.t.Context())
	if err != nil {
		p.t.Fatal(fmt.Errorf("the provider does not answer: %w", err))
	}
	return answer
}

// Invoke validates, plans and invokes an action. It returns the progress, and
// the problems of the first of these that has any.
func (p *Protocol) Invoke(ctx context.Context, actionType string, config map[string]any) (progress []string, problems []*tfprotov6.Diagnostic) {
	p.t.Helper()
	server, ok := p.ProviderServer.(tfprotov6.ActionServer)
	if !ok {
		p.t.Fatal("the provider has no actions")
	}
	value := p.Value(p.Schemas.ActionSchemas[actionType].Schema.ValueType(), config)
	valid := must(p, func(ctx context.Context) (*tfprotov6.ValidateActionConfigResponse, error) {
		return server.ValidateActionConfig(ctx, &tfprotov6.ValidateActionConfigRequest{ActionType: actionType, Config: value})
	})
	if len(valid.Diagnostics) > 0 {
		return nil, valid.Diagnostics
	}
	planned := must(p, func(ctx context.Context) (*tfprotov6.PlanActionResponse, error) {
		return server.PlanAction(ctx, &tfprotov6.PlanActionRequest{ActionType: actionType, Config: value})
	})
	if len(planned.Diagnostics) > 0 {
		return nil, planned.Diagnostics
	}
	stream, err := server.InvokeAction(ctx, &tfprotov6.InvokeActionRequest{ActionType: actionType, Config: value})
	if err != nil {
		p.t.Fatal(err)
	}
	for event := range stream.Events {
		switch event := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			progress = append(progress, event.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			problems = event.Diagnostics
		}
	}
	return progress, problems
}
