package identity

import "testing"

// BenchmarkCaller is what one request asks of the directory: the key's secret, what is attached to the caller, and noting the use.
func BenchmarkCaller(b *testing.B) {
	w := newWorld(b)
	role, err := w.Create(b.Context(), New{Kind: Role, Account: testAccount, Name: "worker", Trust: trustsAccount})
	if err != nil {
		b.Fatal(err)
	}
	session, _, err := w.StartRoleSession(b.Context(), role, hour())
	if err != nil {
		b.Fatal(err)
	}
	caller := *session.Caller()
	caller.AccessKeyID = session.AccessKeyID
	b.ReportAllocs()
	for b.Loop() {
		w.Secret(caller.AccessKeyID)
		w.Identity(&caller)
		w.Used(&caller, "dynamodb")
	}
}
