package fact

// Region is a region of an account in scope, and what became of it.
type Region struct {
	Account string        `json:"account,omitempty"`
	Name    string        `json:"name"`
	Outcome RegionOutcome `json:"outcome"`
	Tables  int           `json:"tables"` // how many were found
	Keys    int           `json:"keys"`
	Note    string        `json:"note,omitempty"`
	Problem *Problem      `json:"problem,omitempty"`
}

// RegionOutcome says whether a region was read.
type RegionOutcome string

// The outcomes. Tables that were found before a region failed are judged like others.
const (
	RegionAudited RegionOutcome = "audited"
	RegionSkipped RegionOutcome = "skipped" // not enabled for the account, so that it can hold no tables
	RegionFailed  RegionOutcome = "error"
)

// Template is a file, or a directory of Terraform, and what became of it.
type Template struct {
	Path   string `json:"path"`
	Format string `json:"format"` // cloudformation, terraform, terraform-plan
	Tables int    `json:"tables"`
	Keys   int    `json:"keys"`
	// Unevaluated says that some resource in it could only be read in part.
	Notes   []string `json:"notes,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// Scope is what an audit looks at, and as whom.
type Scope struct {
	// Account is whose resources these are; empty where there are several.
	Account  string   `json:"account,omitempty"`
	Accounts []string `json:"accounts,omitempty"`
	Caller   string   `json:"caller,omitempty"`
	Endpoint string   `json:"endpoint,omitempty"` // empty for AWS itself
	// Regions is how many are in scope over all accounts, the skipped ones included.
	Regions int `json:"-"`
	// RegionsFrom says where the list of regions came from.
	RegionsFrom RegionList `json:"regions_from,omitempty"`
	Notes       []string   `json:"notes,omitempty"`
}

// RegionList is where a list of regions came from.
type RegionList string

// The origins of a list of regions.
const (
	RegionsChosen  RegionList = "chosen"   // by the caller
	RegionsListed  RegionList = "account"  // account:ListRegions
	RegionsBuiltIn RegionList = "built-in" // those known to this version
)

// Need is a group of facts beyond what DescribeTable and DescribeKey show. A source reads those that somebody
// needs.
type Need string

// The needs, each with the calls that it costs.
const (
	NeedRecovery   Need = "recovery"   // DescribeContinuousBackups per table
	NeedBackups    Need = "backups"    // ListBackups per table, DescribeBackup of the latest
	NeedExpiry     Need = "expiry"     // DescribeTimeToLive per table
	NeedTags       Need = "tags"       // ListTagsOfResource per table
	NeedPolicies   Need = "policies"   // GetResourcePolicy per table
	NeedScaling    Need = "scaling"    // DescribeScalableTargets per region
	NeedKeys       Need = "keys"       // ListKeys and ListAliases per region, DescribeKey per key
	NeedRotation   Need = "rotation"   // GetKeyRotationStatus per key
	NeedKeyPolicy  Need = "key-policy" // GetKeyPolicy per key
	NeedGrants     Need = "grants"     // ListGrants per key
	NeedLastUse    Need = "last-use"   // GetKeyLastUsage per key
	NeedPrincipals Need = "principals" // GetAccountAuthorizationDetails per account
	NeedDeclared   Need = "declared"   // templates beside the live tables
	NeedProof      Need = "proof"      // an inspection of the disk
)

// Needs is a set of needs.
type Needs map[Need]bool
