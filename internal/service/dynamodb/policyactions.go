package dynamodb

import (
	"path"
	"strings"

	"github.com/sealtable/sealtable/internal/auth"
)

// policyAction says what a policy of a table or stream can do about an action ("DynamoDB API operations
// supported by resource-based policies").
type policyAction int

const (
	notInPolicies policyAction = iota // such a policy must not name it
	sameAccount                       // it counts for callers of the resource's own account
	anyAccount                        // it counts for callers of every account
)

// policyActions are the actions that a table's policy may name.
var policyActions = map[string]policyAction{
	"DeleteItem": anyAccount, "GetItem": anyAccount, "PutItem": anyAccount, "Query": anyAccount,
	"Scan": anyAccount, "UpdateItem": anyAccount,
	"ConditionCheckItem": anyAccount, "TransactGetItems": anyAccount, "TransactWriteItems": anyAccount,
	"BatchGetItem": anyAccount, "BatchWriteItem": anyAccount,
	"PartiQLSelect": sameAccount, "PartiQLInsert": sameAccount, "PartiQLUpdate": sameAccount,
	"PartiQLDelete": sameAccount,
	"DeleteTable":   anyAccount, "DescribeTable": anyAccount, "UpdateTable": anyAccount,
	"ListTagsOfResource": anyAccount, "TagResource": anyAccount, "UntagResource": anyAccount,
	"DescribeTableReplicaAutoScaling": sameAccount, "UpdateTableReplicaAutoScaling": sameAccount,
	"CreateBackup": sameAccount, "DescribeContinuousBackups": sameAccount,
	"RestoreTableToPointInTime": sameAccount,
	"UpdateContinuousBackups":   sameAccount, "DescribeContributorInsights": sameAccount,
	"UpdateContributorInsights": sameAccount,
	"ExportTableToPointInTime":  sameAccount, "DescribeKinesisStreamingDestination": sameAccount,
	"DisableKinesisStreamingDestination": sameAccount, "EnableKinesisStreamingDestination": sameAccount,
	"UpdateKinesisStreamingDestination": sameAccount, "GetResourcePolicy": sameAccount,
	"PutResourcePolicy":    sameAccount,
	"DeleteResourcePolicy": sameAccount, "DescribeTimeToLive": sameAccount, "UpdateTimeToLive": sameAccount,
	"ReplicateSettings": sameAccount, "ReadDataForReplication": sameAccount,
	"WriteDataForReplication": sameAccount,
	"AssociateTableReplica":   sameAccount,
}

// streamPolicyActions are the actions that a stream's policy may name.
var streamPolicyActions = map[string]policyAction{
	"DescribeStream": anyAccount, "GetRecords": anyAccount, "GetShardIterator": anyAccount,
	"GetResourcePolicy": sameAccount, "PutResourcePolicy": sameAccount, "DeleteResourcePolicy": sameAccount,
}

// wrongActions are those of the names in a policy that none of the actions has. Names may have wildcards.
func wrongActions(names []string, actions map[string]policyAction) []string {
	var wrong []string
	for _, name := range names {
		service, pattern, _ := strings.Cut(name, ":")
		if name != "*" && (!strings.EqualFold(service, "dynamodb") || !namesAction(pattern, actions)) {
			wrong = append(wrong, name)
		}
	}
	return wrong
}

func namesAction(pattern string, actions map[string]policyAction) bool {
	if strings.ContainsAny(pattern, `[]\`) { // wildcards of path.Match, not of policies
		return false
	}
	for action := range actions {
		if ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(action)); ok && err == nil {
			return true
		}
	}
	return false
}

// heeds says whether the policy of a table or stream counts for an action of the caller. Callers of another
// account are subject to it only in what is open to other accounts. The root user can always take its
// account's policies away, whatever they deny ("DeleteResourcePolicy").
func (g *governed) heeds(caller *auth.Caller, action string) bool {
	name, actions := strings.TrimPrefix(action, "dynamodb:"), g.actions()
	if caller.Account != g.table.Name.Account {
		return actions[name] == anyAccount
	}
	return actions[name] != notInPolicies && (caller.Type != auth.Root || name != "DeleteResourcePolicy")
}
