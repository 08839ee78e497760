package server

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/compat"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/service/account"
	"github.com/sealtable/sealtable/internal/service/dynamodb"
	"github.com/sealtable/sealtable/internal/service/dynamodbstreams"
	"github.com/sealtable/sealtable/internal/service/iam"
	"github.com/sealtable/sealtable/internal/service/kms"
	"github.com/sealtable/sealtable/internal/service/sts"
)

// TestCompatibilityPage keeps docs/compat.md what the operation tables say. With -update it writes the page.
func TestCompatibilityPage(t *testing.T) {
	const page = "../../docs/compat.md"
	path := &service.Path{}
	tables := newOperations(
		dynamodb.New(dynamodb.Options{}).Table(path), dynamodbstreams.New(dynamodbstreams.Options{}).Table(path),
		kms.New(kms.Options{Path: path}).Table(), iam.New(nil, path).Table(),
		sts.New(sts.Options{Path: path}).Table(), account.New(path),
	)
	var services []compat.Service
	for _, info := range knownServices() {
		s := compat.Service{Info: info}
		// The streams have the database's name in credential scopes: what counts is the operation.
		for _, table := range tables[info.Name] {
			s.Support = append(s.Support, supportOf(info, table)...)
		}
		services = append(services, s)
	}
	want, err := compat.Append(nil, services)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run make gen", page)
	}
}

var update = flag.Bool("update", false, "write generated files")

func supportOf(info api.ServiceInfo, table *service.Table) []compat.Support {
	var support []compat.Support
	for _, name := range table.Operations() {
		if !slices.ContainsFunc(info.Operations, func(o api.OperationInfo) bool { return o.Name == name }) {
			continue
		}
		bound, _ := table.Lookup(name)
		line := compat.Support{Operation: name, Status: compat.Supported, Missing: bound.Missing()}
		switch {
		case bound.Refused():
			line.Status = compat.Refused
		case line.Missing != "":
			line.Status = compat.Partial
		}
		support = append(support, line)
	}
	return support
}
