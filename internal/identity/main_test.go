package identity_test

import (
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

func TestMain(m *testing.M) { acctest.Main(m) }
