package sigv4

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// frozen is a request whose parts are made once, so that measuring the verifier measures nothing else.
type frozen struct {
	method                  string
	path, query, host, body []byte
	fields                  [][2][]byte
}

func (f *frozen) Method() string                   { return f.method }
func (f *frozen) Path() []byte                     { return f.path }
func (f *frozen) Query() []byte                    { return f.query }
func (f *frozen) Host() []byte                     { return f.host }
func (f *frozen) Body() []byte                     { return f.body }
func (f *frozen) Fields() int                      { return len(f.fields) }
func (f *frozen) Field(i int) (name, value []byte) { return f.fields[i][0], f.fields[i][1] }

func freeze(r *request) *frozen {
	f := &frozen{method: r.method, path: r.Path(), query: r.Query(), host: r.Host(), body: r.Body()}
	for i := range r.fields {
		name, value := r.Field(i)
		f.fields = append(f.fields, [2][]byte{name, value})
	}
	return f
}

func TestVerifyAllocatesNothing(t *testing.T) {
	v, _ := exampleVerifier(Open("123456789012"))
	known := freeze(signed(t, putItem(), exampleID, "", "dynamodb"))
	session := freeze(signed(t, putItem(), sessionID, sessionToken, "dynamodb"))
	admitted := freeze(signed(t, putItem(), "test", "", "dynamodb"))
	for name, r := range map[string]*frozen{"a key": known, "a session": session, "an unknown key": admitted} {
		allocs := testing.AllocsPerRun(200, func() {
			if _, _, err := v.Verify(r); err != nil {
				t.Fatal(err)
			}
		})
		// The race detector makes pools forget at random.
		if allocs != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// TestEveryPartIsBound changes one thing of a valid request at a time.
func TestEveryPartIsBound(t *testing.T) {
	const wrong = "The request signature we calculated does not match"
	cases := []struct {
		name    string
		change  func(r *request)
		reason  Reason
		message string
	}{
		{"method", func(r *request) { r.method = "PUT" }, Mismatch, wrong},
		{"path", func(r *request) { r.target = "/x" }, Mismatch, wrong},
		{"query", func(r *request) { r.target = "/?x=1" }, Mismatch, wrong},
		{"host", func(r *request) { r.host = "127.0.0.1:8001" }, Mismatch, wrong},
		{"body", func(r *request) { r.body += " " }, Mismatch, wrong},
		{"empty body", func(r *request) { r.body = "" }, Mismatch, wrong},
		{"signed header", func(r *request) { r.set("x-amz-target", "DynamoDB_20120810.DeleteTable") }, Mismatch, wrong},
		{"second target", func(r *request) { r.fields = append(r.fields, [2]string{"x-amz-target", "X"}) }, Mismatch, wrong},
		{"first target", func(r *request) { r.fields = append([][2]string{{"x-amz-target", "X"}}, r.fields...) }, Mismatch, wrong},
		{"date", func(r *request) { r.set("x-amz-date", "20150830T123601Z") }, Mismatch, wrong},
		{"new x-amz- header", func(r *request) { r.set("x-amz-target2", "x") }, Mismatch,
			"'x-amz-target2' must be a 'SignedHeader' in the AWS Authorization."},
		{"missing header", func(r *request) { r.drop("accept-encoding") }, Incomplete,
			"'accept-encoding' is named as a SignedHeader, but it does not exist in the HTTP request."},
		{"claimed hash", func(r *request) { r.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD") }, Mismatch, wrong},
		{"token", func(r *request) { r.set("x-amz-security-token", "x") }, UnknownKey,
			"The security token included in the request is invalid."},
		{"signature", func(r *request) { edit(r, "Signature=", "Signature=0") }, Mismatch, wrong},
		{"signature's case", upperSignature, Mismatch, wrong},
		{"region", func(r *request) { edit(r, "eu-west-1", "eu-west-2") }, Mismatch, wrong},
		{"service", func(r *request) { edit(r, "/dynamodb/", "/kms/") }, Mismatch, wrong},
		{"host not signed", func(r *request) { edit(r, "host;", "") }, Mismatch, "'Host' or ':authority' must be a 'SignedHeader'"},
		{"order", func(r *request) { edit(r, "accept-encoding;amz-sdk-request;", "amz-sdk-request;accept-encoding;") }, Mismatch, wrong},
		{"key", func(r *request) { edit(r, exampleID, "AKIDOTHER") }, UnknownKey, "The security token included in the request is invalid."},
	}
	v, _ := exampleVerifier(Strict())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := signed(t, putItem(), exampleID, "", "dynamodb")
			if _, _, err := v.Verify(r); err != nil {
				t.Fatal(err)
			}
			c.change(r)
			refused(t, v, r, c.reason, c.message)
		})
	}
}

func edit(r *request, from, to string) {
	for i := range r.fields {
		if r.fields[i][0] == "authorization" {
			r.fields[i][1] = strings.Replace(r.fields[i][1], from, to, 1)
		}
	}
}

func upperSignature(r *request) {
	for i := range r.fields {
		if before, signature, ok := strings.Cut(r.fields[i][1], "Signature="); ok {
			r.fields[i][1] = before + "Signature=" + strings.ToUpper(signature)
		}
	}
}

// TestMalformed gives the words of AWS to what cannot be read.
func TestMalformed(t *testing.T) {
	const scheme = "AWS4-HMAC-SHA256 "
	cases := []struct {
		name, authorization, date, target string
		reason                            Reason
		message                           string
	}{
		{"nothing", "", "", "/", Missing, "Request is missing Authentication Token"},
		{"another scheme", "Bearer x", "", "/", Missing, "Request is missing Authentication Token"},
		{"another algorithm", "AWS4-HMAC-SHA25 x", "", "/", Incomplete,
			"Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). "},
		{"empty", scheme, "", "/", Incomplete, "Authorization header requires 'Credential' parameter. " +
			"Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " +
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 "},
		{"no equal sign", scheme + "Credential=a, b", "", "/", Incomplete,
			"'b' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 Credential=a, b'."},
		{"twice", scheme + "Signature=a, Signature=b", "", "/", Incomplete, "Authorization header must not have 'Signature' twice."},
		{"scope of four", scheme + "Credential=a/b/c/d, SignedHeaders=host, Signature=x", "20150830T123600Z", "/", Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'"},
		{"scope of six", scheme + "Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=x", "20150830T123600Z", "/", Incomplete,
			"Credential must have exactly 5"},
		{"long scope", scheme + "Credential=" + strings.Repeat("a", 300) +
			"/20150830/eu-west-1/d/aws4_request, SignedHeaders=host, Signature=x",
			"20150830T123600Z", "/", Incomplete, "Credential must have exactly 5"},
		{"bad scope", scheme + "Credential=a/20150830/C/d/e, SignedHeaders=host, Signature=x", "20150830T123600Z", "/", Mismatch,
			"Credential should be scoped to a valid region, not 'C'. Credential should be scoped with a valid terminator: " +
				"'aws4_request', not 'e'. "},
		{"bad date", scheme + "Credential=AKIDEXAMPLE/20150830/eu-west-1/d/aws4_request, SignedHeaders=host, Signature=x",
			"20150230T123600Z", "/",
			Incomplete, "Date must be in ISO-8601 'basic format'. Got '20150230T123600Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"scope of another day", scheme + "Credential=AKIDEXAMPLE/20150831/eu-west-1/d/aws4_request, SignedHeaders=host, Signature=x",
			"20150830T123600Z", "/", Mismatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date " +
				"from HTTP: " +
				"'20150831' != '20150830', from '20150830T123600Z'."},
		{"both forms", scheme, "", "/?X-Amz-Algorithm=x", Mismatch, "Found both 'X-Amz-Algorithm' as a query-string param"},
		{"empty query form", "", "", "/?X-Amz-Algorithm=", Incomplete, "AWS query-string parameters must include 'X-Amz-Algorithm'. " +
			"AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. " +
			"AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. " +
			"Re-examine the query-string parameters."},
	}
	for _, admission := range []Admission{Strict(), Open("123456789012")} {
		v, _ := exampleVerifier(admission)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				r := &request{method: "GET", target: c.target, host: "h"}
				if c.authorization != "" {
					r.set("authorization", c.authorization)
				}
				if c.date != "" {
					r.set("x-amz-date", c.date)
				}
				refused(t, v, r, c.reason, c.message)
			})
		}
	}
}

// TestTime is about clocks: the client's, the machine's, and the one that `dev` moves.
func TestTime(t *testing.T) {
	r := signed(t, putItem(), exampleID, "", "dynamodb")
	session := signed(t, putItem(), sessionID, sessionToken, "dynamodb")
	v, clock := exampleVerifier(Strict())
	for _, good := range []time.Duration{-5 * time.Minute, 0, 5 * time.Minute} {
		clock.at = exampleTime.Add(good)
		if _, _, err := v.Verify(r); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	clock.at = exampleTime.Add(14 * time.Minute)
	refused(t, v, r, Mismatch, "Signature expired: 20150830T123600Z is now earlier than 20150830T124500Z (20150830T125000Z - 5 min.)")
	clock.at = exampleTime.Add(-6 * time.Minute)
	refused(t, v, r, Mismatch, "Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z (20150830T123000Z + "+
		"5 min.)")

	clock.at, clock.ahead = exampleTime, 26*time.Hour
	if _, _, err := v.Verify(r); err != nil {
		t.Errorf("a moved clock made a fresh signature stale: %v", err)
	}
	refused(t, v, session, TokenExpired, "The security token included in the request is expired")
	clock.ahead = 59 * time.Minute
	if _, _, err := v.Verify(session); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreAskedEveryTime(t *testing.T) {
	keys, clock := exampleStore(), &stopped{at: exampleTime}
	v := New(keys, clock, Strict())
	r := signed(t, putItem(), exampleID, "", "dynamodb")
	if _, _, err := v.Verify(r); err != nil {
		t.Fatal(err)
	}
	keys[exampleID] = Credential{Secret: "another", Caller: keys[exampleID].Caller}
	refused(t, v, r, Mismatch, "The request signature we calculated")
	delete(keys, exampleID)
	refused(t, v, r, UnknownKey, "The security token included in the request is invalid.")
}

func TestAdmission(t *testing.T) {
	v, clock := exampleVerifier(Open("111122223333"))
	for id, account := range map[string]string{
		"test": "111122223333", "000000000000": "000000000000", "00000000000x": "111122223333", "0000000000000": "111122223333",
	} {
		r := signed(t, putItem(), id, "any", "dynamodb")
		edit(r, "Signature=", "Signature=garbage")
		clock.at = exampleTime.Add(time.Hour)
		scope, credential, err := v.Verify(r)
		if err != nil || scope.AccessKeyID != id || scope.Region != "eu-west-1" {
			t.Fatalf("%s: %+v %v", id, scope, err)
		}
		if c := credential.Caller; c.Type != "Root" || c.Account != account || c.ARN != "arn:aws:iam::"+account+":root" ||
			c.UserID != account {
			t.Errorf("%s: %+v", id, c)
		}
	}
	clock.at = exampleTime
	forged := signed(t, putItem(), exampleID, "", "dynamodb")
	edit(forged, "Signature=", "Signature=0")
	refused(t, v, forged, Mismatch, "The request signature we calculated")
}

func TestCacheIsBounded(t *testing.T) {
	v, _ := exampleVerifier(Open("123456789012"))
	for i := range 3 * shards * shardSize {
		r := &request{method: "GET", target: "/", host: "h", fields: [][2]string{{"x-amz-date", "20150830T123600Z"}, {"authorization",
			"AWS4-HMAC-SHA256 Credential=k" + itoa(i) + "/20150830/eu-west-1/s/aws4_request, SignedHeaders=host, Signature=x"}}}
		if _, _, err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range v.keys.shards {
		if n := len(v.keys.shards[i].keys); n > shardSize || n == 0 {
			t.Errorf("shard %d holds %d keys", i, n)
		}
	}
}

func TestCanonicalForms(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "": "/", "*": "/", "//": "/", "/a": "/a", "/a/": "/a/", "/a/./b": "/a/b", "/a/../b": "/b", "/..": "/", "/../": "/",
		"/a/..": "/", "//example//": "/example/", "/a%20b": "/a%2520b", "/ሴ": "/%E1%88%B4", "/a b": "/a%20b",
	} {
		if got := string(appendPath(nil, []byte(path))); got != want {
			t.Errorf("path %q: %q, want %q", path, got, want)
		}
	}
	for query, want := range map[string]string{
		"": "", "a": "a=", "a=": "a=", "b=1&a=2": "a=2&b=1", "a=2&a=1": "a=1&a=2", "a=%2f": "a=%2F", "a=b+c": "a=b%20c",
		"a=b=c": "a=b%3Dc", "&&a": "a=", "a=%zz": "a=%25zz", "a=%": "a=%25", "A=1&a=1": "A=1&a=1",
	} {
		if got := string(appendQuery(nil, []byte(query), false)); got != want {
			t.Errorf("query %q: %q, want %q", query, got, want)
		}
	}
	if got := string(appendPathS3(nil, []byte("/a%20b//../c+%2F"))); got != "/a%20b//../c%2B/" {
		t.Errorf("S3 path: %q", got)
	}
}

// FuzzVerify looks for panics, and for requests that pass without the secret.
func FuzzVerify(f *testing.F) {
	good := signed(f, putItem(), exampleID, "", "dynamodb")
	for _, field := range good.fields {
		if field[0] == "authorization" {
			f.Add("/", field[1], "20150830T123600Z", []byte("x"))
		}
	}
	f.Add("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20150830%2Fr%2Fs%2Faws4_request&X-Amz-Expires=9"+
		"&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0", "", "", []byte(nil))
	f.Add("/a/../%zz?+=%2", "AWS4-HMAC-SHA256 Credential==,,,Signature", "Sun, 30 Aug 2015 12:36:00 GMT", []byte("{}"))
	v, _ := exampleVerifier(Strict())
	f.Fuzz(func(t *testing.T, target, authorization, date string, body []byte) {
		r := &request{method: "POST", target: target, host: "h", body: string(body)}
		r.set("x-amz-date", date)
		if authorization != "" {
			r.set("authorization", authorization)
		}
		if _, _, err := v.Verify(r); err == nil {
			t.Fatal("a request that nobody signed passed")
		}
		canonical := appendQuery(nil, r.Query(), false)
		if again := appendQuery(nil, canonical, false); !bytes.Equal(canonical, again) {
			t.Fatalf("the canonical query %q is not canonical: %q", canonical, again)
		}
	})
}

// Each name of a region may cost memory below, so that none may be invented (mars-1 was answered once).
func TestRegionsOfScopes(t *testing.T) {
	for _, c := range []struct {
		region      string
		strict, dev bool
	}{
		{"us-east-1", true, true}, {"us-gov-west-1", true, true}, {"localhost", false, true}, {"local", false, true},
		{"ddblocal", false, true},
		{"mars-1", false, false}, {"us-east-1-x", false, false}, {"us-east-99", false, false},
	} {
		for i, ok := range []bool{c.strict, c.dev} {
			v, _ := exampleVerifier([]Admission{Strict(), Open("123456789012")}[i])
			r := signed(t, putItem(), exampleID, "", "dynamodb")
			edit(r, "eu-west-1", c.region)
			_, _, err := v.Verify(r)
			want := "Credential should be scoped to a valid region, not '" + c.region + "'. "
			if e, _ := err.(*Error); e == nil || (e.Message == want) == ok {
				t.Errorf("%s: %v", c.region, err)
			}
		}
	}
}
