package restjson

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/accountapi"
	"github.com/sealtable/sealtable/internal/api/lambdaapi"
)

// TestEveryOperationIsFound asks each operation of the models by its own template.
func TestEveryOperationIsFound(t *testing.T) {
	for _, info := range []api.ServiceInfo{lambdaapi.Describe(), accountapi.Describe()} {
		routes := NewRoutes(info)
		for _, o := range info.Operations {
			if o.Method == "" {
				continue
			}
			path, query, _ := strings.Cut(strings.NewReplacer("{", "of", "+}", "/deep", "}", "").Replace(o.Path), "?")
			got, ok := routes.Find(o.Method, []byte(path), []byte(query), nil, nil)
			if !ok || got.Operation != o.Name {
				t.Errorf("%s %s is %v, not %s", o.Method, o.Path, got, o.Name)
			}
		}
	}
}

func TestWhereMembersStand(t *testing.T) {
	routes := NewRoutes(api.ServiceInfo{Operations: []api.OperationInfo{
		api.DescribeOperation("List", "", "", "GET", "/v1/things/", ""),
		api.DescribeOperation("Get", "", "", "GET", "/v1/things/{Name}", ""),
		api.DescribeOperation("GetSpecial", "", "", "GET", "/v1/things/special", ""),
		api.DescribeOperation("Find", "", "", "GET", "/v1/things?find=Thing", ""),
		api.DescribeOperation("GetKey", "", "", "GET", "/v1/buckets/{Bucket}/{Key+}", ""),
	}})
	for _, c := range []struct{ target, operation, labels string }{
		{"/v1/things", "List", "map[]"}, {"/v1/things/", "List", "map[]"}, {"/v1/things?find=Thing&x", "Find", "map[]"},
		{"/v1/things?find=Other", "List", "map[]"}, {"/v1/things/a%2Fb", "Get", "map[Name:a/b]"},
		{"/v1/things/a%20+b", "Get", "map[Name:a +b]"},
		{"/v1/things/special", "GetSpecial", "map[]"}, {"/v1/things/a/b", "", ""}, {"/v1/things/%zz", "", ""}, {"/v1", "", ""},
		{"/", "", ""},
		{"/v1/things?a=%zz", "", ""}, {"/v1/buckets/b/k/k%20/k", "GetKey", "map[Bucket:b Key:k/k /k]"}, {"/v1/buckets/b", "", ""},
		{"/v1/buckets//k", "", ""},
	} {
		path, query, _ := strings.Cut(c.target, "?")
		got, ok := routes.Find("GET", []byte(path), []byte(query), nil, nil)
		if !ok {
			got = &Request{}
		}
		if got.Operation != c.operation || ok && fmt.Sprint(got.labels) != c.labels {
			t.Errorf("%s: %s %v", c.target, got.Operation, got.labels)
		}
	}
	if _, ok := routes.Find("POST", []byte("/v1/things"), nil, nil, nil); ok {
		t.Error("a method that no operation has")
	}
	got, _ := routes.Find("GET", []byte("/v1/things/n"), []byte("q=1&q=%32"), []byte("body"), func(name string) ([]byte, bool) {
		return []byte(" h "), name == "x-amz-thing"
	})
	for want, p := range map[string]api.Param{"n": {Name: "Name"}, "1 2": {Name: "q", In: api.InQuery},
		"h": {Name: "X-Amz-Thing", In: api.InHeader},
		"":  {Name: "absent", In: api.InQuery}} {
		if values := got.Values(p); strings.Join(values, " ") != want {
			t.Errorf("%v: %q", p, values)
		}
	}
	if !slices.Equal(got.Body(), []byte("body")) {
		t.Errorf("body %q", got.Body())
	}
}

// FuzzFind looks for panics.
func FuzzFind(f *testing.F) {
	routes := NewRoutes(lambdaapi.Describe())
	f.Add("GET", "/2015-03-31/functions/f", "Qualifier=1")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		routes.Find(method, []byte(path), []byte(query), nil, nil)
	})
}
