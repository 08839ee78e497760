package fact

// ProblemKind is why something could not be read.
type ProblemKind string

// The kinds of problem.
const (
	Denied      ProblemKind = "denied"      // a policy does not allow the call
	Credentials ProblemKind = "credentials" // the credentials themselves are refused
	Throttled   ProblemKind = "throttled"   // too many calls, also after retries
	Unreachable ProblemKind = "unreachable" // no answer
	// Unsupported is an operation that the endpoint does not have, so that what it would show can't exist
	// there.
	Unsupported ProblemKind = "unsupported"
	Failed      ProblemKind = "failed" // any other error
)

// Problem is a call that failed.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// Action is the IAM action that the call needs, such as dynamodb:DescribeTable.
	Action  string `json:"action"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

func (p *Problem) String() string {
	code := ""
	if p.Code != "" {
		code = " (" + p.Code + ")"
	}
	switch p.Kind {
	case Denied:
		return p.Action + " is not allowed" + code
	case Credentials:
		return p.Action + ": the credentials were refused" + code
	case Throttled:
		return p.Action + " was throttled" + code
	case Unreachable:
		return p.Action + ": no answer: " + p.Message
	case Unsupported:
		return "the endpoint does not have " + p.Action + code
	}
	return p.Action + " failed" + code + ": " + p.Message
}

// Advice says what lets the next run succeed.
func (p *Problem) Advice() string {
	switch p.Kind {
	case Denied:
		return "Allow " + p.Action + " to the principal that audits."
	case Credentials:
		return "Use credentials that are valid there, or leave the region out with --region."
	case Throttled:
		return "Run the audit again when there is less load, or region by region with --region."
	case Unreachable:
		return "Check the network, the endpoint and the name of the region."
	}
	return "Run the audit again; if it fails the same way, look the error up."
}
