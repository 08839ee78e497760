package wire

import (
	"hash/crc32"
	"regexp"
	"strconv"
	"testing"
)

func TestRequest(t *testing.T) {
	var r Request
	for range 2 {
		r.Reset()
		r.Begin([]byte("POST"), []byte("/a%20b?x=1?y"), []byte("Host:1"), "10.0.0.1")
		r.AddHeader([]byte("X-Amz-Target"), []byte("T.Op"))
		r.AddHeader([]byte("x-amz-target"), []byte("second"))
		r.SetBody([]byte("body"))
		if r.Method() != "POST" || string(r.Path()) != "/a%20b" || string(r.Query()) != "x=1?y" || string(r.Host()) != "Host:1" ||
			string(r.Target()) != "/a%20b?x=1?y" || string(r.Body()) != "body" || r.RemoteIP() != "10.0.0.1" || r.Fields() != 2 {
			t.Fatalf("%+v", r)
		}
		if value, ok := r.Header("x-amz-target"); !ok || string(value) != "T.Op" {
			t.Errorf("%q %v", value, ok)
		}
		if name, value := r.Field(1); string(name) != "x-amz-target" || string(value) != "second" {
			t.Errorf("%q %q", name, value)
		}
		if _, ok := r.Header("absent"); ok {
			t.Error("a header that is not there")
		}
	}
}

func TestTargets(t *testing.T) {
	for target, want := range map[string][2]string{
		"/": {"/", ""}, "": {"", ""}, "*": {"*", ""}, "/?": {"/", ""}, "http://h/p?q": {"/p", "q"}, "http://h": {"/", ""},
		"http://h?q=/": {"/", ""}, "/http://x": {"/http://x", ""}, "h:443": {"h:443", ""},
	} {
		var r Request
		r.Begin([]byte("GET"), []byte(target), nil, "")
		if string(r.Path()) != want[0] || string(r.Query()) != want[1] {
			t.Errorf("%q: path %q, query %q", target, r.Path(), r.Query())
		}
	}
}

func TestResponse(t *testing.T) {
	var r Response
	r.Reset()
	r.SetHeader("A", "1")
	r.SetHeader("B", "x\r\nEvil: 1")
	r.SetHeader("A", "2")
	if value, _ := r.Header("A"); r.Fields() != 1 || string(value) != "2" || r.Status != 200 {
		t.Errorf("%+v", r)
	}
	Fail(&r, 413, "TooLarge", "Too large.")
	if string(r.Body) != `{"__type":"com.amazon.coral.service#TooLarge","message":"Too large."}` || r.Status != 413 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	want := strconv.FormatUint(uint64(crc32.ChecksumIEEE(r.Body)), 10)
	if sum, _ := r.Header("X-Amz-Crc32"); string(sum) != want {
		t.Errorf("checksum %s, want %s", sum, want)
	}
}

func TestIDs(t *testing.T) {
	long, uuid := regexp.MustCompile(`^[0-9A-V]{52}$`), regexp.MustCompile(
		`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
	)
	seen := map[string]bool{}
	for range 1000 {
		a, b := NewID(), NewUUID()
		if !long.MatchString(a) || !uuid.MatchString(b) || seen[a] || seen[b] {
			t.Fatal(a, b)
		}
		seen[a], seen[b] = true, true
	}
}

func TestMemoryIsNotKeptForever(t *testing.T) {
	var r Request
	r.AddHeader([]byte("x"), make([]byte, 2*keptCapacity))
	r.Reset()
	var s Response
	s.Body = make([]byte, 2*keptCapacity)
	s.Reset()
	if cap(r.arena) > keptCapacity || cap(s.Body) > keptCapacity {
		t.Error("one large request costs its memory for ever")
	}
}
