package awsquery

import (
	"errors"
	"strings"
	"testing"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
)

func TestParse(t *testing.T) {
	r, err := Parse([]byte("Action=GetCallerIdentity&X-Amz-Signature=x&X-Amz-Expires=9"), []byte("Version=2011-06-15&A.member.1=%2B+b"))
	if err != nil || r.Action != "GetCallerIdentity" || r.Version != "2011-06-15" {
		t.Fatalf("%+v %v", r, err)
	}
	if _, ok := r.Form.Take("X-Amz-Signature"); ok {
		t.Error("the signature is a parameter")
	}
}

func TestRefusals(t *testing.T) {
	for form, code := range map[string]string{
		"":                                      "MissingAction",
		"Version=1":                             "MissingAction",
		"Action=a&Action=b":                     "MalformedQueryString",
		"Action=%zz":                            "MalformedQueryString",
		"Action=%ff":                            "MalformedQueryString",
		"Action=a&" + strings.Repeat("x=1&", 2): "MalformedQueryString",
		strings.Repeat("a", MaxForm+1):          "RequestEntityTooLarge",
	} {
		_, err := Parse(nil, []byte(form))
		e, ok := Explain(err)
		if !ok || e.Code != code {
			t.Errorf("%.40q: %+v %v", form, e, err)
		}
	}
}

func TestExplain(t *testing.T) {
	denied := &auth.DeniedError{Caller: &auth.Caller{ARN: "a"}, Need: auth.Need{Action: "iam:GetUser"}}
	if e, ok := Explain(denied); !ok || e.Code != "AccessDenied" || e.Status != 403 {
		t.Errorf("%+v", e)
	}
	if e, ok := Explain(&api.Error{Code: "ValidationException", Message: "m"}); !ok || e.Code != "ValidationError" || e.Message != "m" {
		t.Errorf("%+v", e)
	}
	if e, ok := Explain(&api.UnknownMemberError{Shape: "S", Member: "M"}); !ok || !strings.Contains(e.Message, "'M' in S") {
		t.Errorf("%+v", e)
	}
	if _, ok := Explain(errors.New("disk on fire")); ok {
		t.Error("an internal error is shown")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Action=a&Version=1"), []byte("Tags.member.1.Key=%41&x=+"))
	f.Add([]byte("&&=&%"), []byte("a..b=1&a=2&a.b=3"))
	f.Fuzz(func(t *testing.T, query, body []byte) {
		r, err := Parse(query, body)
		if err != nil {
			if _, ok := Explain(err); !ok {
				t.Fatalf("a client cannot be told of %v", err)
			}
			return
		}
		if r.Action == "" || r.Form == nil {
			t.Fatalf("%+v", r)
		}
	})
}
