package api_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/cloudformationapi"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/api/iamapi"
	"github.com/sealtable/sealtable/internal/api/kmsapi"
	"github.com/sealtable/sealtable/internal/api/lambdaapi"
	"github.com/sealtable/sealtable/internal/api/stsapi"
	"github.com/sealtable/sealtable/internal/strictjson"
)

func TestMain(m *testing.M) {
	// Fixed time zones make the transcripts the same everywhere.
	time.Local = time.UTC
	flag.Parse()
	m.Run()
}

// speaker is what a transcript can do with one operation.
type speaker interface {
	take(body string) (in any, err error)
	check(in any) error
	present(in any) []string
}

type spoken[In, Out any] struct{ op api.Operation[In, Out] }

func speak[In, Out any](op api.Operation[In, Out]) speaker { return spoken[In, Out]{op} }

func (s spoken[In, Out]) take(body string) (any, error) {
	in := new(In)
	if s.op.ReadForm != nil {
		form, err := api.ParseForm([]byte(strings.ReplaceAll(body, "\n", "")))
		if err != nil {
			return nil, err
		}
		form.Take("Action")
		form.Take("Version")
		return in, s.op.ReadForm(form, in)
	}
	r := strictjson.NewReader([]byte(body))
	if err := s.op.Read(r, in); err != nil {
		return nil, err
	}
	return in, r.End()
}

func (s spoken[In, Out]) check(in any) error      { return s.op.Validate(in.(*In)) }
func (s spoken[In, Out]) present(in any) []string { return s.op.Present(in.(*In)) }

func speakers() map[string]speaker {
	return map[string]speaker{
		"BatchGetItem":         speak(dynamodbapi.BatchGetItem()),
		"BatchWriteItem":       speak(dynamodbapi.BatchWriteItem()),
		"CreateTable":          speak(dynamodbapi.CreateTable()),
		"DescribeTable":        speak(dynamodbapi.DescribeTable()),
		"GetItem":              speak(dynamodbapi.GetItem()),
		"ListTables":           speak(dynamodbapi.ListTables()),
		"PutItem":              speak(dynamodbapi.PutItem()),
		"Query":                speak(dynamodbapi.Query()),
		"TransactWriteItems":   speak(dynamodbapi.TransactWriteItems()),
		"UpdateTable":          speak(dynamodbapi.UpdateTable()),
		"CreateGrant":          speak(kmsapi.CreateGrant()),
		"CreateKey":            speak(kmsapi.CreateKey()),
		"Decrypt":              speak(kmsapi.Decrypt()),
		"Encrypt":              speak(kmsapi.Encrypt()),
		"GenerateRandom":       speak(kmsapi.GenerateRandom()),
		"AssumeRole":           speak(stsapi.AssumeRole()),
		"GetCallerIdentity":    speak(stsapi.GetCallerIdentity()),
		"CreateRole":           speak(iamapi.CreateRole()),
		"CreateChangeSet":      speak(cloudformationapi.CreateChangeSet()),
		"CreateFunction":       speak(lambdaapi.CreateFunction()),
		"CreateAlias":          speak(lambdaapi.CreateAlias()),
		"PutProvisionedConfig": speak(lambdaapi.PutProvisionedConcurrencyConfig()),
	}
}

// TestTranscripts runs the files in testdata: "read", "validate" and "present" take the body of a request.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s := speakers()[d.CmdArgs[0].Key]
			if s == nil {
				d.Fatalf(t, "no operation %s", d.CmdArgs[0].Key)
			}
			in, err := s.take(d.Input)
			if err != nil {
				return describe(err)
			}
			switch d.Cmd {
			case "read":
				return show(in)
			case "validate":
				return describe(s.check(in))
			case "present":
				return strings.Join(s.present(in), "\n") + "\n"
			}
			d.Fatalf(t, "no command %s", d.Cmd)
			return ""
		})
	})
}

// show writes an input back as JSON where the package can, and as Go otherwise.
func show(in any) string {
	if x, ok := in.(interface{ AppendJSON([]byte) []byte }); ok {
		return string(x.AppendJSON(nil)) + "\n"
	}
	return fmt.Sprintf("%T\n", in)
}

func describe(err error) string {
	var known *api.Error
	switch {
	case err == nil:
		return "ok\n"
	case errors.As(err, &known):
		return known.Code + "\n" + strings.ReplaceAll(known.Message, "; ", ";\n  ") + "\n"
	}
	return fmt.Sprintf("%T: %v\n", err, err)
}
