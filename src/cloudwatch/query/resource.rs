//! The field `Resource` of StackState's streams.
//!
//! The streams of StackState's AWS StackPack name a metric by `Namespace`, `Resource`, `Region`
//! and the metric field ("CloudWatch stream template", StackState documentation). The field means
//! a dimension that names a resource in the namespace, or, if none has the value, the dimension
//! `Resource` itself, which a few namespaces have. Which dimensions name a resource is said by "CloudWatch metrics and dimensions" in the AWS
//! documentation of each service, by "Supported metrics for resource tags for telemetry" in the
//! CloudWatch user guide, and by the tables that Grafana (grafana-aws-sdk) and YACE maintain, as
//! of November 2026.

/// The name of the field.
pub(crate) const RESOURCE: &str = "Resource";

/// The dimensions that can name a resource in each namespace, the likeliest first.
const RESOURCES: [(&str, &[&str]); 143] = [
    ("/aws/sagemaker/Endpoints", &["EndpointName"]),
    ("/aws/sagemaker/InferenceComponents", &["InferenceComponentName"]),
    ("/aws/sagemaker/InferenceRecommendationsJobs", &["JobName"]),
    ("/aws/sagemaker/ProcessingJobs", &["Host"]),
    ("/aws/sagemaker/TrainingJobs", &["Host"]),
    ("/aws/sagemaker/TransformJobs", &["Host"]),
    ("AWS/ACMPrivateCA", &["PrivateCAArn"]),
    ("AWS/AOSS", &["CollectionId", "CollectionName"]),
    ("AWS/AmazonMQ", &["Broker"]),
    ("AWS/AmplifyHosting", &["App"]),
    ("AWS/ApiGateway", &["ApiName", "ApiId"]),
    ("AWS/AppFlow", &["FlowName"]),
    ("AWS/AppRunner", &["ServiceID", "ServiceName"]),
    ("AWS/AppStream", &["Fleet", "FleetName"]),
    ("AWS/AppSync", &["GraphQLAPIId"]),
    ("AWS/ApplicationELB", &["LoadBalancer", "TargetGroup"]),
    ("AWS/Athena", &["WorkGroup"]),
    ("AWS/AutoScaling", &["AutoScalingGroupName"]),
    ("AWS/Backup", &["BackupVaultName"]),
    ("AWS/Bedrock", &["ModelId"]),
    ("AWS/Bedrock/Agents", &["AgentAliasArn"]),
    ("AWS/Bedrock/Guardrails", &["GuardrailArn"]),
    ("AWS/Cassandra", &["TableName", "Keyspace"]),
    ("AWS/CertificateManager", &["CertificateArn"]),
    ("AWS/Chatbot", &["ConfigurationName"]),
    ("AWS/ClientVPN", &["Endpoint"]),
    ("AWS/CloudFront", &["DistributionId", "FunctionName"]),
    ("AWS/CloudHSM", &["ClusterId", "HsmId"]),
    ("AWS/CloudSearch", &["DomainName"]),
    ("AWS/CloudWatch/MetricStreams", &["MetricStreamName"]),
    ("AWS/CodeBuild", &["ProjectName"]),
    ("AWS/CodeGuruProfiler", &["ProfilingGroupName"]),
    ("AWS/Cognito", &["UserPool", "UserPoolId"]),
    ("AWS/Connect", &["InstanceId"]),
    ("AWS/DAX", &["ClusterId"]),
    ("AWS/DDoSProtection", &["ResourceArn"]),
    ("AWS/DMS", &["ReplicationTaskIdentifier", "ReplicationInstanceIdentifier"]),
    ("AWS/DX", &["VirtualInterfaceId", "ConnectionId", "LagId"]),
    ("AWS/DataLifecycleManager", &["DLMPolicyId"]),
    ("AWS/DataSync", &["TaskId", "AgentId"]),
    ("AWS/DirectoryService", &["Directory ID"]),
    ("AWS/DocDB", &["DBInstanceIdentifier", "DBClusterIdentifier"]),
    ("AWS/DynamoDB", &["TableName"]),
    ("AWS/EBS", &["VolumeId", "SnapshotId"]),
    ("AWS/EC2", &["InstanceId", "AutoScalingGroupName", "HostId", "Per-VPC Metrics"]),
    ("AWS/EC2CapacityReservations", &["CapacityReservationId"]),
    ("AWS/EC2Spot", &["FleetRequestId"]),
    ("AWS/ECR", &["RepositoryName"]),
    ("AWS/ECS", &["ServiceName", "ClusterName"]),
    ("AWS/EFS", &["FileSystemId"]),
    ("AWS/EKS", &["ClusterName"]),
    ("AWS/ELB", &["LoadBalancerName"]),
    ("AWS/EMRServerless", &["ApplicationId"]),
    ("AWS/ES", &["DomainName"]),
    ("AWS/ElastiCache", &["CacheClusterId", "ReplicationGroupId", "clusterId"]),
    ("AWS/ElasticBeanstalk", &["EnvironmentName"]),
    ("AWS/ElasticGPUs", &["EGPUId"]),
    ("AWS/ElasticInference", &["ElasticInferenceAcceleratorId"]),
    ("AWS/ElasticMapReduce", &["JobFlowId"]),
    ("AWS/ElasticTranscoder", &["PipelineId"]),
    ("AWS/EventBridge/Pipes", &["PipeName"]),
    ("AWS/Events", &["RuleName", "EventBusName", "EventSourceName"]),
    ("AWS/FSx", &["FileSystemId"]),
    ("AWS/Firehose", &["DeliveryStreamName"]),
    ("AWS/FraudDetector", &["DetectorID"]),
    ("AWS/GameLift", &["FleetId", "QueueName", "ConfigurationName", "GameServerGroup"]),
    ("AWS/GatewayELB", &["LoadBalancer", "TargetGroup"]),
    ("AWS/GlobalAccelerator", &["Accelerator"]),
    ("AWS/GroundStation", &["SatelliteId"]),
    ("AWS/IPAM", &["IpamPoolId"]),
    ("AWS/IVS", &["Channel"]),
    ("AWS/IVSChat", &["LoggingConfiguration"]),
    ("AWS/IVSRealTime", &["Stage"]),
    (
        "AWS/IoT",
        &[
            "RuleName",
            "SecurityProfileName",
            "ScheduledAuditName",
            "CaCertificateId",
            "TemplateName",
        ],
    ),
    ("AWS/IoTAnalytics", &["ChannelName", "PipelineName", "DatastoreName", "DatasetName"]),
    ("AWS/IoTSiteWise", &["GatewayId", "StreamName"]),
    ("AWS/KMS", &["KeyId"]),
    ("AWS/Kafka", &["Cluster Name", "ReplicatorName"]),
    ("AWS/KafkaConnect", &["ConnectorName"]),
    ("AWS/Kendra", &["DataSourceId", "IndexId"]),
    ("AWS/Kinesis", &["StreamName"]),
    ("AWS/KinesisAnalytics", &["Application"]),
    ("AWS/KinesisVideo", &["StreamName"]),
    ("AWS/Lambda", &["FunctionName", "EventSourceMappingUUID"]),
    ("AWS/Lex", &["BotName"]),
    ("AWS/Logs", &["LogGroupName"]),
    ("AWS/LookoutMetrics", &["AnomalyDetectorArn", "AlertArn"]),
    ("AWS/ML", &["MLModelId"]),
    ("AWS/MWAA", &["Cluster"]),
    ("AWS/MediaConnect", &["FlowARN", "SourceARN", "OutputARN"]),
    ("AWS/MediaConvert", &["Queue", "Job"]),
    ("AWS/MediaLive", &["ChannelId", "InputDeviceId"]),
    ("AWS/MediaPackage", &["Channel", "OriginEndpoint"]),
    ("AWS/MediaStore", &["ContainerName"]),
    ("AWS/MediaTailor", &["ConfigurationName", "Channel"]),
    ("AWS/MemoryDB", &["ClusterName"]),
    ("AWS/NATGateway", &["NatGatewayId"]),
    ("AWS/Neptune", &["DBInstanceIdentifier", "DBClusterIdentifier"]),
    ("AWS/Network Manager", &["CoreNetwork"]),
    ("AWS/NetworkELB", &["LoadBalancer", "TargetGroup"]),
    ("AWS/NetworkFirewall", &["FirewallName"]),
    ("AWS/NetworkManager", &["CoreNetwork", "Attachment"]),
    ("AWS/NetworkMonitor", &["Monitor", "Probe"]),
    ("AWS/OpsWorks", &["InstanceId", "LayerId", "StackId"]),
    ("AWS/PrivateLinkEndpoints", &["VPC Endpoint Id"]),
    ("AWS/PrivateLinkServices", &["Service Id"]),
    ("AWS/Prometheus", &["Workspace"]),
    ("AWS/QLDB", &["LedgerName"]),
    (
        "AWS/RDS",
        &["DBInstanceIdentifier", "DBClusterIdentifier", "DbClusterIdentifier", "ProxyName"],
    ),
    ("AWS/RUM", &["application_name"]),
    ("AWS/Redshift", &["ClusterIdentifier"]),
    ("AWS/Robomaker", &["SimulationJobId"]),
    ("AWS/Route53", &["HealthCheckId", "HostedZoneId"]),
    ("AWS/Route53Resolver", &["EndpointId", "EndpointID", "FirewallRuleGroupId"]),
    ("AWS/S3", &["BucketName"]),
    ("AWS/SES", &["RuleName", "RuleSetName"]),
    ("AWS/SNS", &["TopicName"]),
    ("AWS/SQS", &["QueueName"]),
    ("AWS/SWF", &["Domain"]),
    ("AWS/SageMaker", &["EndpointName", "InferenceComponentName"]),
    ("AWS/SageMaker/LabelingJobs", &["LabelingJobName"]),
    ("AWS/SageMaker/ModelBuildingPipeline", &["PipelineName"]),
    ("AWS/Sagemaker/ModelBuildingPipeline", &["PipelineName"]),
    ("AWS/Scheduler", &["ScheduleGroup"]),
    ("AWS/ServiceCatalog", &["ProductId"]),
    (
        "AWS/States",
        &["StateMachineArn", "ActivityArn", "LambdaFunctionArn", "ServiceIntegrationResourceArn"],
    ),
    ("AWS/StorageGateway", &["GatewayId", "VolumeId", "ShareId"]),
    ("AWS/ThingsGraph", &["FlowTemplateId", "SystemTemplateId"]),
    ("AWS/Timestream", &["TableName", "DatabaseName"]),
    ("AWS/Transfer", &["ServerId", "ConnectorId"]),
    ("AWS/TransitGateway", &["TransitGatewayAttachment", "TransitGateway"]),
    ("AWS/VPN", &["VpnId", "TunnelIpAddress"]),
    ("AWS/VpcLattice", &["Service"]),
    ("AWS/WAF", &["WebACL", "RuleGroup"]),
    ("AWS/WAFV2", &["WebACL", "RuleGroup"]),
    ("AWS/WorkSpaces", &["WorkspaceId", "DirectoryId"]),
    ("ApplicationSignals", &["Service"]),
    ("CloudWatchSynthetics", &["CanaryName"]),
    (
        "ContainerInsights",
        &["PodName", "Service", "NodeName", "InstanceId", "Namespace", "ClusterName"],
    ),
    ("ECS/ContainerInsights", &["ServiceName", "TaskDefinitionFamily", "ClusterName"]),
    ("Glue", &["JobName"]),
    ("LambdaInsights", &["function_name"]),
    ("WAF", &["WebACL", "RuleGroup"]),
];

/// The dimensions that can name a resource in a namespace, the likeliest first. Empty if none is
/// known.
pub(super) fn dimensions(namespace: &str) -> &'static [&'static str] {
    match RESOURCES.binary_search_by(|(known, _)| (*known).cmp(namespace)) {
        Ok(index) => RESOURCES[index].1,
        Err(_) => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_is_found() {
        assert!(RESOURCES.is_sorted_by(|(one, _), (other, _)| one < other));
        for (namespace, known) in RESOURCES {
            assert_eq!(dimensions(namespace), known, "{namespace}");
            assert!(!known.is_empty(), "{namespace}");
        }
        assert!(dimensions("AWS/Nothing").is_empty());
    }
}
