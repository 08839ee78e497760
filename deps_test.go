package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// direction is which package of this module may import which, in the order of flow. A line reads "package: what it may
// import"; "+" takes over the rights of another line. A package that has no line may import nothing of this module, and so must
// be added here, on purpose. Subpackages have their own lines; "x/..." covers all of them.
const direction = `
	clock:
	cputime:
	arn:
	pages:
	lockedmem:
	strictjson:
	template/document:
	template: template/document
	template/sam: template/document
	attribute: strictjson
	expression: attribute
	partiql: expression attribute

	api: strictjson attribute
	api/...: api strictjson attribute

	auth/policy: arn strictjson
	auth: auth/policy
	auth/sigv4: arn auth clock pages
	auth/oidc:
	auth/credentials:
	auth/authorizer: auth auth/policy arn clock
	identity: auth auth/authorizer auth/policy auth/sigv4 arn clock lockedmem seal/envelope
	trail: auth service clock strictjson
	trail/history: trail seal lockedmem tablekeys storage storage/embedded/sealedfs
	service: api attribute auth strictjson

	storage:
	storage/storagetest: storage clock
	storage/embedded/sealedfs: storage
	storage/embedded/journal: storage
	storage/embedded: storage storage/embedded/sealedfs storage/embedded/journal clock lockedmem
	catalog: storage

	seal/envelope: lockedmem
	seal: lockedmem seal/envelope
	seal/awskms: seal
	seal/pkcs11: seal lockedmem
	control: seal lockedmem
	keyring: lockedmem clock arn auth/policy
	tablekeys: lockedmem storage seal seal/envelope

	upkeep: clock
	custody: auth clock storage tablekeys lockedmem
	engine: attribute expression storage clock arn

	service/dynamodb: service api api/dynamodbapi api/membercheck attribute strictjson expression partiql engine storage auth auth/policy arn clock
	service/dynamodbstreams: service api api/dynamodbstreamsapi engine storage auth auth/policy arn clock lockedmem seal/envelope
	service/account: service api api/accountapi auth arn
	service/kms: service api api/kmsapi api/membercheck keyring auth auth/policy arn clock
	service/iam: service api api/iamapi api/membercheck identity auth auth/policy arn
	custody/viakms: custody service/kms keyring storage api api/kmsapi auth arn
	service/sts: service api api/stsapi api/membercheck identity auth auth/oidc arn clock

	wire: auth
	wire/awsjson: wire api attribute auth strictjson
	wire/awsquery: wire api auth
	wire/restjson: api strictjson
	wire/front: wire
	wire/router: wire wire/restjson wire/awsjson wire/awsquery api arn auth auth/sigv4 pages clock strictjson

	inspect: arn lockedmem seal keyring tablekeys storage storage/embedded storage/embedded/sealedfs storage/embedded/journal
	inspect/rewrap: catalog clock keyring tablekeys lockedmem seal storage storage/embedded
	audit/fact: arn
	audit: arn audit/fact
	audit/source: audit audit/fact arn
	audit/rule: audit audit/fact arn auth/policy
	audit/report: audit audit/fact
	audit/waiver: audit audit/fact
	audit/terraform: audit/fact audit/waiver
	audit/cloudformation: audit/fact audit/waiver template template/document
	audit/remedy: audit audit/fact audit/rule
	audit/files: audit audit/fact audit/terraform audit/cloudformation

	server: pages custody/viakms upkeep control +wire +wire/awsjson +wire/router wire/awsquery wire/router wire/front wire/awsjson service service/account service/dynamodb service/dynamodbstreams service/kms service/iam service/sts identity engine custody keyring tablekeys seal storage storage/embedded storage/embedded/sealedfs catalog trail auth auth/sigv4 auth/policy auth/authorizer auth/credentials auth/oidc clock arn api api/dynamodbapi api/dynamodbstreamsapi api/kmsapi api/stsapi api/iamapi api/cloudformationapi api/lambdaapi api/accountapi lockedmem strictjson
	cli: server control seal seal/awskms seal/pkcs11 trail/history inspect inspect/rewrap audit audit/fact audit/files audit/remedy audit/source audit/rule audit/report audit/waiver clock lockedmem auth/credentials
	bench: server storage storage/embedded attribute auth/policy clock seal wire wire/front
	deploy/resource: auth
	deploy: deploy/resource template template/document auth clock
	runner/confine:
	runner: runner/confine
	runner/bootstrap: runner
	runner/instance: runner
	.: cli runner/confine
`

type rights map[string][]string

func parseDirection(t *testing.T) rights {
	t.Helper()
	out := rights{}
	for line := range strings.Lines(direction) {
		name, allowed, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if _, twice := out[name]; twice {
			t.Errorf("%s has two lines", name)
		}
		out[name] = strings.Fields(allowed)
	}
	return out
}

// allows says whether package from may import package to; both are relative to internal/, and "." is the root.
func (r rights) allows(from, to string) bool {
	line, ok := r[from]
	if !ok {
		line, ok = r[parentPattern(from)]
	}
	if !ok {
		return false
	}
	for _, allowed := range line {
		if inherited, is := strings.CutPrefix(allowed, "+"); is && r.allows(inherited, to) {
			return true
		}
		if allowed == to {
			return true
		}
	}
	return false
}

func parentPattern(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first + "/..."
}

func TestImportsFollowTheDirection(t *testing.T) {
	const module = "github.com/sealtable/sealtable"
	allowed := parseDirection(t)
	seen := 0
	eachGoFile(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		seen++
		from := relative(filepath.ToSlash(filepath.Dir(path)))
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to = relative(strings.TrimPrefix(to, "/"))
			if to != from && !allowed.allows(from, to) {
				t.Errorf("%s imports %s, which the direction in deps_test.go does not allow", path, imported)
			}
		}
	})
	if seen == 0 {
		t.Fatal("no file was read: the test looks in the wrong place")
	}
}

func relative(dir string) string {
	if dir == "" || dir == "." {
		return "."
	}
	return strings.TrimPrefix(dir, "internal/")
}

// TestTheDirectionBites fails when the checker would let a known violation pass.
func TestTheDirectionBites(t *testing.T) {
	allowed := parseDirection(t)
	for _, forbidden := range [][2]string{
		{"engine", "service"}, {"engine", "keyring"}, {"engine", "api"}, {"engine", "wire"},
		{"audit/source", "engine"}, {"audit/rule", "storage"}, {"audit", "service"},
		{"service/dynamodb", "service/kms"}, {"service/kms", "service/dynamodb"},
		{"storage/embedded", "keyring"}, {"service/dynamodb", "wire"}, {"keyring", "service/kms"},
		{"a package nobody listed", "clock"},
	} {
		if allowed.allows(forbidden[0], forbidden[1]) {
			t.Errorf("%s may import %s", forbidden[0], forbidden[1])
		}
	}
}

// eachGoFile calls visit for every Go file of the module, generated ones included.
func eachGoFile(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			visit(filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
