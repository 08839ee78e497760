package router

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/awsjson"
)

// protocol is in which form a service of AWS takes requests and gives errors.
type protocol uint8

const (
	jsonProtocol protocol = iota
	queryProtocol
	ec2Protocol
	restJSONProtocol
	restXMLProtocol
	s3Protocol
	cborProtocol
)

// foreign are the names in credential scopes of AWS's services with their protocols, so that a service which
// is not here is refused in words that its clients understand (from the metadata of botocore's models;
// services that have several protocols stand with the one that neither a target nor a form tells).
func foreign(service string) (protocol, bool) {
	for _, known := range []struct {
		protocol protocol
		names    string
	}{
		{jsonProtocol, "IoTSecuredTunneling acm acm-pca airflow-serverless aoss application-autoscaling " +
			"applicationinsights apprunner appstream athena autoscaling-plans b2bi backup-gateway " +
			"bcm-dashboards bcm-data-exports bcm-pricing-calculator bcm-recommended-actions billing " +
			"budgets cassandra ce cloud9 cloudcontrolapi cloudhsm cloudtrail codebuild codecommit " +
			"codeconnections codedeploy codepipeline codestar-connections cognito-identity cognito-idp " +
			"comprehend config cost-optimization-hub cur datapipeline datasync dax devicefarm " +
			"directconnect discovery dms ds dynamodb ec2-instance-connect ecr ecr-public ecs " +
			"elasticmapreduce events evs firehose fms forecast frauddetector freetier fsx " +
			"globalaccelerator glue health healthlake identitystore inspector invoicing iotfleetwise " +
			"iotthingsgraph kendra kendra-ranking kinesis kinesisanalytics kms license-manager lightsail " +
			"logs lookoutequipment machinelearning marketplacecommerceanalytics memorydb mgh " +
			"mturk-requester network-firewall odb organizations partnercentral-account " +
			"partnercentral-benefits partnercentral-channel partnercentral-selling pcs pi pricing proton " +
			"redshift-data redshift-serverless rekognition route53-recovery-cluster route53domains " +
			"route53resolver secretsmanager servicediscovery servicequotas shield sqs ssm ssm-contacts " +
			"sso states storagegateway support swf tagging textract timestream timestream-influxdb " +
			"transcribe transfer translate verifiedpermissions voiceid waf waf-regional wafv2 workmail " +
			"workspaces workspaces-instances"},
		{queryProtocol, "autoscaling cloudformation elasticache elasticbeanstalk elasticloadbalancing iam " +
			"importexport rds redshift sns sts"},
		{restJSONProtocol, "access-analyzer account aidevops aiops airflow amplify amplifybackend " +
			"amplifyuibuilder " +
			"apigateway app-integrations appconfig appfabric appflow application-cost-profiler " +
			"application-signals appmesh appsync aps arc-zonal-shift artifact auditmanager " +
			"aws-marketplace awsssoportal backup backup-search batch bedrock bedrock-agentcore " +
			"billingconductor braket cases chatbot chime cleanrooms cleanrooms-ml clouddirectory " +
			"cloudfront-keyvaluestore cloudsearch cloudtrail-data codeartifact codecatalyst " +
			"codeguru-profiler codeguru-reviewer codeguru-security codestar-notifications cognito-sync " +
			"connect connect-campaigns controlcatalog controltower databrew dataexchange datazone " +
			"deadline detective devops-guru dlm docdb-elastic drs ds-data dsql ebs eks eks-auth " +
			"elasticfilesystem elemental-inference emr-containers emr-serverless entityresolution es " +
			"execute-api finspace finspace-api fis gameliftstreams geo geo-maps geo-places geo-routes " +
			"glacier grafana greengrass groundstation guardduty health-agent imagebuilder inspector-scan " +
			"inspector2 internetmonitor iot iot-jobs-data iotdata iotdeviceadvisor iotevents " +
			"ioteventsdata iotmanagedintegrations iotsitewise iottwinmaker iotwireless ivs ivschat kafka " +
			"kafkaconnect kinesisvideo lakeformation lambda launchwizard lex " +
			"license-manager-linux-subscriptions license-manager-user-subscriptions m2 macie2 " +
			"managedblockchain managedblockchain-query mediaconnect mediaconvert medialive mediapackage " +
			"mediapackage-vod mediapackagev2 mediastore mediatailor medical-imaging mgn " +
			"migrationhub-orchestrator migrationhub-strategy mobiletargeting mpa mq neptune-db " +
			"neptune-graph networkflowmonitor networkmanager networkmonitor notifications " +
			"notifications-contacts nova-act oam observabilityadmin omics osis outposts panorama " +
			"payment-cryptography pca-connector-ad pca-connector-scep personalize pipes polly profile " +
			"qapps qbusiness quicksight ram rbin rds-data refactor-spaces repostspace resiliencehub " +
			"resource-explorer-2 resource-groups rolesanywhere route53-recovery-control-config " +
			"route53-recovery-readiness route53globalresolver route53profiles rtbfabric rum s3-outposts " +
			"s3files s3tables s3vectors sagemaker sagemaker-geospatial savingsplans scheduler schemas scn " +
			"sdb security-ir securityagent securityhub securitylake serverlessrepo servicecatalog ses " +
			"signer signin simspaceweaver sms-voice snow-device-management social-messaging " +
			"ssm-guiconnect ssm-incidents ssm-quicksetup ssm-sap sso-oauth supportapp sustainability " +
			"synthetics tax thinclient tnb trustedadvisor uxc vpc-lattice wellarchitected wickr wisdom " +
			"workdocs workmailmessageflow workspaces-web xray"},
		{restXMLProtocol, "cloudfront route53 s3-control"},
		{s3Protocol, "s3 s3-object-lambda s3express"},
		{ec2Protocol, "ec2"},
		{cborProtocol, "aco-automation arc-region-switch comprehendmedical compute-optimizer gamelift " +
			"interconnect " +
			"monitoring snowball"},
	} {
		if slices.Contains(strings.Fields(known.names), service) {
			return known.protocol, true
		}
	}
	return jsonProtocol, false
}

// refuseForeign answers a request for a service that is not here, by name and in its own protocol, with a
// status that clients do not try again (P8).
func (x *exchange) refuseForeign(service string) {
	e := &api.Error{Code: "UnknownOperationException", Message: "There is no service " + service +
		" here. Sealtable answers for tables, their keys, and who may use them."}
	p, known := foreign(service)
	_, target := x.req.Header("x-amz-target")
	switch {
	case target:
		p = jsonProtocol
	case p != ec2Protocol && looksLikeForm(x.req):
		p = queryProtocol
	case !known && x.req.Method() != "POST":
		p = restJSONProtocol
	}
	if cbor, ok := x.req.Header("smithy-protocol"); ok && string(cbor) == "rpc-v2-cbor" {
		p = cborProtocol
	}
	x.refuseIn(p, e)
}

func (x *exchange) refuseIn(p protocol, e *api.Error) {
	switch p {
	case queryProtocol, restXMLProtocol:
		e.Code = "InvalidAction"
		x.failXML(e, "")
	case ec2Protocol:
		e.Code = "InvalidAction"
		x.failEC2(e)
	case s3Protocol:
		e.Code = "NotImplemented"
		x.failS3(e)
	case restJSONProtocol:
		x.res.SetHeader("X-Amzn-Errortype", e.Code)
		x.media = "application/json"
		x.failJSON(e)
	case cborProtocol:
		x.failCBOR(e)
	default:
		if contentType, ok := x.req.Header("content-type"); ok {
			if media, ok := awsjson.MediaType(contentType); ok {
				x.media = media
			}
		}
		x.failJSON(e)
	}
}

// failEC2 answers in the form of EC2's errors ("Error responses" of the EC2 API reference).
func (x *exchange) failEC2(e *api.Error) {
	x.res.Status = 400
	body := append(x.res.Body[:0], `<?xml version="1.0" encoding="UTF-8"?>`+
		"\n<Response><Errors><Error><Code>"...)
	body = append(api.XMLEscape(body, e.Code), "</Code><Message>"...)
	body = append(api.XMLEscape(body, e.Message), "</Message></Error></Errors><RequestID>"...)
	x.res.Body = append(append(body, x.id...), "</RequestID></Response>"...)
	x.finishXML()
}

// failS3 answers in the form of S3's errors ("REST error responses" of the S3 API reference).
func (x *exchange) failS3(e *api.Error) {
	x.res.Status = 400
	body := append(x.res.Body[:0], `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>"...)
	body = append(api.XMLEscape(body, e.Code), "</Code><Message>"...)
	body = append(api.XMLEscape(body, e.Message), "</Message><RequestId>"...)
	x.res.Body = append(append(body, x.id...), "</RequestId></Error>"...)
	x.finishXML()
	x.res.SetHeader("Content-Type", "application/xml")
	x.res.SetHeader("X-Amz-Request-Id", x.id)
}

// failCBOR answers in the form of Smithy RPC v2 CBOR: a map of two texts (RFC 8949 section 3.1).
func (x *exchange) failCBOR(e *api.Error) {
	x.res.Status = 400
	body := append(x.res.Body[:0], 0xa2)
	for _, text := range [...]string{"__type", e.Code, "message", e.Message} {
		body = appendCBORText(body, text)
	}
	x.res.Body = body
	x.res.SetHeader("Content-Type", "application/cbor")
	x.res.SetHeader("Smithy-Protocol", "rpc-v2-cbor")
	x.res.SetHeader("X-Amzn-Requestid", x.id)
	wire.SetChecksum(x.res)
}

func appendCBORText(dst []byte, s string) []byte {
	s = s[:min(len(s), 0xffff)]
	switch n := len(s); {
	case n < 24:
		dst = append(dst, 0x60|byte(n))
	case n <= 0xff:
		dst = append(dst, 0x78, byte(n))
	default:
		dst = append(dst, 0x79, byte(n>>8), byte(n))
	}
	return append(dst, s...)
}
