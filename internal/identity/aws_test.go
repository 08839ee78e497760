package identity

import "testing"

// TestAWSPoliciesAreReadable: those that clients attach without asking are there, and all of them compile.
func TestAWSPoliciesAreReadable(t *testing.T) {
	c, err := newCatalogue(awsPolicies)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"AdministratorAccess", "ReadOnlyAccess", "PowerUserAccess", "AmazonDynamoDBFullAccess", "AmazonDynamoDBReadOnlyAccess",
		"service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaDynamoDBExecutionRole",
	} {
		p, ok := c.byARN["arn:aws:iam::aws:policy/"+name]
		if !ok || len(p.compiled().Statements) == 0 {
			t.Errorf("%s is not there", name)
		}
	}
}

func BenchmarkReadAWSPolicies(b *testing.B) {
	for b.Loop() {
		if _, err := newCatalogue(awsPolicies); err != nil {
			b.Fatal(err)
		}
	}
}
