package chain_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/chain"
)

// Functions need no provider block, and their errors are on their argument.
func TestAccFunctions(t *testing.T) {
	t.Parallel()
	intermediate, root := acctest.PKI(t, "int1.crt"), acctest.PKI(t, "root.crt")
	higher, key := acctest.PKI(t, "int2.crt"), acctest.PKI(t, "root.key")
	for name, test := range map[string]struct {
		expression string
		pem        string
		want       knownvalue.Check
		err        []string
	}{
		"parse": {"parse_chain($pem)", intermediate + root, knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ObjectPartial(map[string]knownvalue.Check{
				"subject": text("CN=Intermediate CA 1,O=Test,C=GB"), "is_ca": knownvalue.Bool(true), "path_length": knownvalue.Null(),
				"key_usages": texts("keyCertSign", "cRLSign"), "pem": text(intermediate),
			}),
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"subject": text("CN=Root CA,O=Test,C=GB"), "uris": texts()}),
		}), nil},
		"parse one that expired": {"parse_chain($pem)[0].subject", acctest.PKI(t, "expired.crt"), text("CN=Expired CA"), nil},
		"parse nothing":          {"parse_chain($pem)", "", nil, []string{`parameter: There is no certificate`}},
		"parse garbage":          {"parse_chain($pem)", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", nil, []string{`Invalid value for "pem" parameter: PEM block 0:`}},
		"parse a key":            {"parse_chain($pem)", root + key, nil, []string{`Invalid value for "pem" parameter: PEM block 1:`, "private key"}},

		"order":           {"order_chain($pem)", root + intermediate + higher, text(higher + intermediate + root), nil},
		"order in order":  {"order_chain($pem)", intermediate + root, text(intermediate + root), nil},
		"order copies":    {"order_chain($pem)", "x\n" + root + intermediate + root, text(intermediate + root), nil},
		"order strangers": {"order_chain($pem)", root + acctest.PKI(t, "ec.crt"), nil, []string{`Invalid value for "pem" parameter: there is no order of these`, "certificate 0", "certificate 1 (CN=EC CA)"}},
		"order labels":    {"order_chain($pem)", strings.ReplaceAll(root, "CERTIFICATE", "X509 CERTIFICATE") + intermediate, nil, []string{`Invalid value for "pem" parameter:`, "X509 CERTIFICATE"}},
		"order garbage":   {"order_chain($pem)", "ca.pem", nil, []string{`Invalid value for "pem" parameter:`, "name of a file"}},

		"ID":         {`spiffe_id("default", "web.v1")`, "", text("spiffe://default/web.v1"), nil},
		"ID mesh":    {`spiffe_id("Default", "web")`, "", nil, []string{`Invalid value for "mesh" parameter:`, `"Default"`}},
		"ID service": {`spiffe_id("default", "a/b")`, "", nil, []string{`Invalid value for "service" parameter:`, `"a/b"`}},
		"ID empty":   {`spiffe_id("default", "")`, "", nil, []string{`Invalid value for "service" parameter:`, "no name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := resource.TestStep{Config: acctest.Fill("output \"this\" {\n  value = provider::kongmesh::"+test.expression+"\n}\n", "pem", test.pem)}
			if test.err != nil {
				step.ExpectError = acctest.Words(test.err...)
			} else {
				step.ConfigStateChecks = []statecheck.StateCheck{statecheck.ExpectKnownOutputValue("this", test.want)}
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: at(fileTime), Steps: []resource.TestStep{step}})
		})
	}
}

// Terraform puts a full stop behind the error of a function.
func TestFunctions_errorsEndWithoutAFullStop(t *testing.T) {
	t.Parallel()
	strangers := acctest.PKI(t, "root.crt") + acctest.PKI(t, "ec.crt")
	for name, test := range map[string]struct {
		function  function.Function
		arguments []string
	}{
		"nothing":    {chain.NewParseChain(), []string{""}},
		"a key":      {chain.NewParseChain(), []string{acctest.PKI(t, "root.key")}},
		"garbage":    {chain.NewParseChain(), []string{"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"}},
		"a file":     {chain.NewOrderChain(), []string{"ca.pem"}},
		"strangers":  {chain.NewOrderChain(), []string{strangers}},
		"mesh":       {chain.NewSPIFFEID(), []string{"Default", "web"}},
		"no mesh":    {chain.NewSPIFFEID(), []string{"", "web"}},
		"service":    {chain.NewSPIFFEID(), []string{"default", "a/b"}},
		"no service": {chain.NewSPIFFEID(), []string{"default", ""}},
	} {
		values := make([]attr.Value, len(test.arguments))
		for i, argument := range test.arguments {
			values[i] = types.StringValue(argument)
		}
		response := function.RunResponse{Result: function.NewResultData(types.StringUnknown())}
		test.function.Run(t.Context(), function.RunRequest{Arguments: function.NewArgumentsData(values)}, &response)
		if response.Error == nil || strings.HasSuffix(response.Error.Text, ".") {
			t.Errorf("%s: %v", name, response.Error)
		}
	}
}

// No message of a function has a part of a private key in it.
func TestAccFunctions_keyIsNowhere(t *testing.T) {
	t.Parallel()
	key := acctest.PKI(t, "root.key")
	for _, function := range []string{"parse_chain", "order_chain"} {
		run := acctest.NewRun(t, `
			terraform {
				required_providers {
					kongmesh = { source = "kongmesh/kongmesh" }
				}
			}
			output "this" { value = provider::kongmesh::`+function+`(file("key.pem")) }`)
		run.Write("key.pem", key)
		output, err := run.Try("plan")
		if err == nil || !acctest.Words("private key").MatchString(output) {
			t.Errorf("%s of a key gives %v\n%s", function, err, output)
		}
		if found := acctest.Leaks(t, key, "", output); len(found) > 0 {
			t.Errorf("%s: the key is in the message: %v", function, found)
		}
	}
}

// Terraform puts a full stop behind what a function says.
func TestFunctions_noSecondStop(t *testing.T) {
	t.Parallel()
	server := acctest.New(t).Protocol()
	root := acctest.PKI(t, "root.crt")
	for name, arguments := range map[string][][]string{
		"parse_chain": {{""}, {"garbage"}, {root + acctest.PKI(t, "root.key")}},
		"order_chain": {{""}, {root + acctest.PKI(t, "ec.crt")}, {strings.ReplaceAll(root, "CERTIFICATE", "PKCS7")}},
		"spiffe_id":   {{"", "web"}, {"Default", "web"}, {"default", ""}, {"default", "a/b"}},
	} {
		for _, texts := range arguments {
			var values []*tfprotov6.DynamicValue
			for _, text := range texts {
				value, err := tfprotov6.NewDynamicValue(tftypes.String, tftypes.NewValue(tftypes.String, text))
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, &value)
			}
			answer, err := server.CallFunction(t.Context(), &tfprotov6.CallFunctionRequest{Name: name, Arguments: values})
			if err != nil || answer.Error == nil {
				t.Fatalf("%s(%q): no error, %v", name, texts, err)
			}
			if strings.HasSuffix(answer.Error.Text, ".") {
				t.Errorf("%s(%q): %s", name, texts, answer.Error.Text)
			}
		}
	}
}
