//! The namespaces of AWS's own services, and the dimensions that name a resource in each.
//!
//! A list of namespaces that could not be read whole is filled up with these, so that each can be
//! chosen in an account with more metrics than a request can list.
//!
//! The streams of StackState's AWS StackPack name a metric by `Namespace`, `Resource`, `Region`
//! and the metric field ("CloudWatch stream template", StackState documentation). [`RESOURCE`] means
//! a dimension that names a resource in the namespace, or, if none has the value, the dimension
//! `Resource` itself, which a few namespaces have.
//!
//! The names are those of "AWS services that publish CloudWatch metrics" and "Supported metrics for
//! resource tags for telemetry" in the CloudWatch user guide, of "CloudWatch metrics and dimensions"
//! in the documentation of each service, and of the tables that Grafana (grafana-aws-sdk) and YACE
//! maintain, as of November 2026.

/// The name of the field that stands for the dimension of a resource.
pub(crate) const RESOURCE: &str = "Resource";

/// The namespaces, sorted, and the dimensions that can name a resource in each, the likeliest first,
/// separated by commas. Not every account has metrics in each.
const NAMESPACES: [(&str, &str); 172] = [
    ("/aws/sagemaker/Endpoints", "EndpointName"),
    ("/aws/sagemaker/InferenceComponents", "InferenceComponentName"),
    ("/aws/sagemaker/InferenceRecommendationsJobs", "JobName"),
    ("/aws/sagemaker/ProcessingJobs", "Host"),
    ("/aws/sagemaker/TrainingJobs", "Host"),
    ("/aws/sagemaker/TransformJobs", "Host"),
    ("AWS/ACMPrivateCA", "PrivateCAArn"),
    ("AWS/AOSS", "CollectionId, CollectionName"),
    ("AWS/AmazonMQ", "Broker"),
    ("AWS/AmplifyHosting", "App"),
    ("AWS/ApiGateway", "ApiName, ApiId"),
    ("AWS/AppFlow", "FlowName"),
    ("AWS/AppRunner", "ServiceID, ServiceName"),
    ("AWS/AppStream", "Fleet, FleetName"),
    ("AWS/AppSync", "GraphQLAPIId"),
    ("AWS/ApplicationELB", "LoadBalancer, TargetGroup"),
    ("AWS/Athena", "WorkGroup"),
    ("AWS/AutoScaling", "AutoScalingGroupName"),
    ("AWS/Backup", "BackupVaultName"),
    ("AWS/Bedrock", "ModelId"),
    ("AWS/Bedrock/Agents", "AgentAliasArn"),
    ("AWS/Bedrock/Guardrails", "GuardrailArn"),
    ("AWS/Billing", ""),
    ("AWS/Cassandra", "TableName, Keyspace"),
    ("AWS/CertificateManager", "CertificateArn"),
    ("AWS/Chatbot", "ConfigurationName"),
    ("AWS/ChimeSDK", ""),
    ("AWS/ClientVPN", "Endpoint"),
    ("AWS/CloudFront", "DistributionId, FunctionName"),
    ("AWS/CloudHSM", "ClusterId, HsmId"),
    ("AWS/CloudSearch", "DomainName"),
    ("AWS/CloudTrail", ""),
    ("AWS/CloudWatch/MetricStreams", "MetricStreamName"),
    ("AWS/CodeBuild", "ProjectName"),
    ("AWS/CodeGuruProfiler", "ProfilingGroupName"),
    ("AWS/Cognito", "UserPool, UserPoolId"),
    ("AWS/Connect", "InstanceId"),
    ("AWS/DAX", "ClusterId"),
    ("AWS/DDoSProtection", "ResourceArn"),
    ("AWS/DMS", "ReplicationTaskIdentifier, ReplicationInstanceIdentifier"),
    ("AWS/DX", "VirtualInterfaceId, ConnectionId, LagId"),
    ("AWS/DataLifecycleManager", "DLMPolicyId"),
    ("AWS/DataSync", "TaskId, AgentId"),
    ("AWS/DirectoryService", "Directory ID"),
    ("AWS/DocDB", "DBInstanceIdentifier, DBClusterIdentifier"),
    ("AWS/DynamoDB", "TableName"),
    ("AWS/EBS", "VolumeId, SnapshotId"),
    ("AWS/EC2", "InstanceId, AutoScalingGroupName, HostId, Per-VPC Metrics"),
    ("AWS/EC2/API", ""),
    ("AWS/EC2CapacityReservations", "CapacityReservationId"),
    ("AWS/EC2Spot", "FleetRequestId"),
    ("AWS/ECR", "RepositoryName"),
    ("AWS/ECS", "ServiceName, ClusterName"),
    ("AWS/ECS/ManagedScaling", ""),
    ("AWS/EFS", "FileSystemId"),
    ("AWS/EKS", "ClusterName"),
    ("AWS/ELB", "LoadBalancerName"),
    ("AWS/EMRServerless", "ApplicationId"),
    ("AWS/ES", "DomainName"),
    ("AWS/ElastiCache", "CacheClusterId, ReplicationGroupId, clusterId"),
    ("AWS/ElasticBeanstalk", "EnvironmentName"),
    ("AWS/ElasticGPUs", "EGPUId"),
    ("AWS/ElasticInference", "ElasticInferenceAcceleratorId"),
    ("AWS/ElasticMapReduce", "JobFlowId"),
    ("AWS/ElasticTranscoder", "PipelineId"),
    ("AWS/EventBridge/Pipes", "PipeName"),
    ("AWS/Events", "RuleName, EventBusName, EventSourceName"),
    ("AWS/FSx", "FileSystemId"),
    ("AWS/Firehose", "DeliveryStreamName"),
    ("AWS/FraudDetector", "DetectorID"),
    ("AWS/GameLift", "FleetId, QueueName, ConfigurationName, GameServerGroup"),
    ("AWS/GatewayELB", "LoadBalancer, TargetGroup"),
    ("AWS/GlobalAccelerator", "Accelerator"),
    ("AWS/GroundStation", "SatelliteId"),
    ("AWS/HealthLake", ""),
    ("AWS/IPAM", "IpamPoolId"),
    ("AWS/IVS", "Channel"),
    ("AWS/IVSChat", "LoggingConfiguration"),
    ("AWS/IVSRealTime", "Stage"),
    ("AWS/Inspector", ""),
    ("AWS/IoT", "RuleName, SecurityProfileName, ScheduledAuditName, CaCertificateId, TemplateName"),
    ("AWS/IoTAnalytics", "ChannelName, PipelineName, DatastoreName, DatasetName"),
    ("AWS/IoTFleetWise", ""),
    ("AWS/IoTSiteWise", "GatewayId, StreamName"),
    ("AWS/IoTTwinMaker", ""),
    ("AWS/KMS", "KeyId"),
    ("AWS/Kafka", "Cluster Name, ReplicatorName"),
    ("AWS/KafkaConnect", "ConnectorName"),
    ("AWS/Kendra", "DataSourceId, IndexId"),
    ("AWS/Kinesis", "StreamName"),
    ("AWS/KinesisAnalytics", "Application"),
    ("AWS/KinesisVideo", "StreamName"),
    ("AWS/Lambda", "FunctionName, EventSourceMappingUUID"),
    ("AWS/Lex", "BotName"),
    ("AWS/LicenseManager/LinuxSubscriptions", ""),
    ("AWS/Location", ""),
    ("AWS/Logs", "LogGroupName"),
    ("AWS/LookoutMetrics", "AnomalyDetectorArn, AlertArn"),
    ("AWS/ML", "MLModelId"),
    ("AWS/MWAA", "Cluster"),
    ("AWS/MediaConnect", "FlowARN, SourceARN, OutputARN"),
    ("AWS/MediaConvert", "Queue, Job"),
    ("AWS/MediaLive", "ChannelId, InputDeviceId"),
    ("AWS/MediaPackage", "Channel, OriginEndpoint"),
    ("AWS/MediaStore", "ContainerName"),
    ("AWS/MediaTailor", "ConfigurationName, Channel"),
    ("AWS/MemoryDB", "ClusterName"),
    ("AWS/NATGateway", "NatGatewayId"),
    ("AWS/Neptune", "DBInstanceIdentifier, DBClusterIdentifier"),
    ("AWS/Network Manager", "CoreNetwork"),
    ("AWS/NetworkELB", "LoadBalancer, TargetGroup"),
    ("AWS/NetworkFirewall", "FirewallName"),
    ("AWS/NetworkManager", "CoreNetwork, Attachment"),
    ("AWS/NetworkMonitor", "Monitor, Probe"),
    ("AWS/NimbleStudio", ""),
    ("AWS/OpsWorks", "InstanceId, LayerId, StackId"),
    ("AWS/Polly", ""),
    ("AWS/PrivateLinkEndpoints", "VPC Endpoint Id"),
    ("AWS/PrivateLinkServices", "Service Id"),
    ("AWS/Prometheus", "Workspace"),
    ("AWS/QLDB", "LedgerName"),
    ("AWS/QuickSight", ""),
    ("AWS/RDS", "DBInstanceIdentifier, DBClusterIdentifier, DbClusterIdentifier, ProxyName"),
    ("AWS/RUM", "application_name"),
    ("AWS/Redshift", "ClusterIdentifier"),
    ("AWS/Redshift-Serverless", ""),
    ("AWS/Rekognition", ""),
    ("AWS/Robomaker", "SimulationJobId"),
    ("AWS/Route53", "HealthCheckId, HostedZoneId"),
    ("AWS/Route53RecoveryReadiness", ""),
    ("AWS/Route53Resolver", "EndpointId, EndpointID, FirewallRuleGroupId"),
    ("AWS/S3", "BucketName"),
    ("AWS/S3/Storage-Lens", ""),
    ("AWS/SDKMetrics", ""),
    ("AWS/SES", "RuleName, RuleSetName"),
    ("AWS/SNS", "TopicName"),
    ("AWS/SQS", "QueueName"),
    ("AWS/SSM-RunCommand", ""),
    ("AWS/SWF", "Domain"),
    ("AWS/SageMaker", "EndpointName, InferenceComponentName"),
    ("AWS/SageMaker/LabelingJobs", "LabelingJobName"),
    ("AWS/SageMaker/ModelBuildingPipeline", "PipelineName"),
    ("AWS/Sagemaker/ModelBuildingPipeline", "PipelineName"),
    ("AWS/Scheduler", "ScheduleGroup"),
    ("AWS/SecretsManager", ""),
    ("AWS/ServiceCatalog", "ProductId"),
    (
        "AWS/States",
        "StateMachineArn, ActivityArn, LambdaFunctionArn, ServiceIntegrationResourceArn",
    ),
    ("AWS/StorageGateway", "GatewayId, VolumeId, ShareId"),
    ("AWS/Textract", ""),
    ("AWS/ThingsGraph", "FlowTemplateId, SystemTemplateId"),
    ("AWS/Timestream", "TableName, DatabaseName"),
    ("AWS/Transfer", "ServerId, ConnectorId"),
    ("AWS/TransitGateway", "TransitGatewayAttachment, TransitGateway"),
    ("AWS/Translate", ""),
    ("AWS/TrustedAdvisor", ""),
    ("AWS/Usage", ""),
    ("AWS/VPN", "VpnId, TunnelIpAddress"),
    ("AWS/VpcLattice", "Service"),
    ("AWS/WAF", "WebACL, RuleGroup"),
    ("AWS/WAFV2", "WebACL, RuleGroup"),
    ("AWS/WorkMail", ""),
    ("AWS/WorkSpaces", "WorkspaceId, DirectoryId"),
    ("AWS/WorkSpacesWeb", ""),
    ("AWSLicenseManager/licenseUsage", ""),
    ("AmazonMWAA", ""),
    ("ApplicationSignals", "Service"),
    ("CloudWatchSynthetics", "CanaryName"),
    ("ContainerInsights", "PodName, Service, NodeName, InstanceId, Namespace, ClusterName"),
    ("ECS/ContainerInsights", "ServiceName, TaskDefinitionFamily, ClusterName"),
    ("Glue", "JobName"),
    ("LambdaInsights", "function_name"),
    ("WAF", "WebACL, RuleGroup"),
];

/// The namespaces, sorted.
pub(crate) fn of_aws<'a>() -> impl Iterator<Item = &'a str> {
    NAMESPACES.iter().map(|(namespace, _)| *namespace)
}

/// Whether a namespace belongs to a service of AWS.
pub(crate) fn is_of_aws(namespace: &str) -> bool {
    namespace.starts_with("AWS/") || find(namespace).is_some()
}

/// Whether metrics of a namespace come once a day or a few times a day: estimated charges, the sizes of
/// buckets, and the days until a certificate expires ("Creating a billing alarm", CloudWatch user guide;
/// "Metrics and dimensions", Amazon S3 user guide; "Supported CloudWatch metrics", ACM user guide).
pub(crate) fn is_slow(namespace: &str) -> bool {
    matches!(namespace, "AWS/Billing" | "AWS/CertificateManager" | "AWS/S3" | "AWS/S3/Storage-Lens")
}

/// The dimensions that can name a resource in a namespace, the likeliest first. None if none is
/// known.
pub(super) fn resources(namespace: &str) -> impl Iterator<Item = &'static str> + use<> {
    let dimensions = find(namespace).unwrap_or_default().split(", ");
    dimensions.filter(|dimension| !dimension.is_empty())
}

fn find(namespace: &str) -> Option<&'static str> {
    let index = NAMESPACES.binary_search_by(|(known, _)| (*known).cmp(namespace)).ok()?;
    Some(NAMESPACES[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_is_found() {
        assert!(NAMESPACES.is_sorted_by(|(one, _), (other, _)| one < other));
        for (namespace, resources) in [
            ("AWS/EC2", &["InstanceId", "AutoScalingGroupName", "HostId", "Per-VPC Metrics"][..]),
            ("/aws/sagemaker/Endpoints", &["EndpointName"]),
            ("WAF", &["WebACL", "RuleGroup"]),
            ("AWS/Billing", &[]),
            ("AWS/Nothing", &[]),
        ] {
            assert_eq!(super::resources(namespace).collect::<Vec<_>>(), resources, "{namespace}");
        }
        for (namespace, expected) in
            [("AWS/EC2", true), ("AWS/New", true), ("Glue", true), ("CWAgent", false)]
        {
            assert_eq!(is_of_aws(namespace), expected, "{namespace}");
        }
    }
}
