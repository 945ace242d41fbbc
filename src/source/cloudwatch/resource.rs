//! What StackState's streams mean by `Resource`.
//!
//! The streams of StackState's AWS StackPack name a metric by `Namespace`, `Resource`, `Region`
//! and the metric field ("CloudWatch stream template", StackState documentation). Where a
//! metric has no dimension `Resource`, it means the dimension that names a resource in its
//! namespace: inferred from that template, and from each service's "CloudWatch metrics and
//! dimensions" in the AWS documentation.

const RESOURCES: [(&str, &str); 19] = [
    ("AWS/ApiGateway", "ApiName"),
    ("AWS/ApplicationELB", "LoadBalancer"),
    ("AWS/AutoScaling", "AutoScalingGroupName"),
    ("AWS/DynamoDB", "TableName"),
    ("AWS/EBS", "VolumeId"),
    ("AWS/EC2", "InstanceId"),
    ("AWS/ECS", "ServiceName"),
    ("AWS/ELB", "LoadBalancerName"),
    ("AWS/ElastiCache", "CacheClusterId"),
    ("AWS/Firehose", "DeliveryStreamName"),
    ("AWS/Kinesis", "StreamName"),
    ("AWS/Lambda", "FunctionName"),
    ("AWS/NetworkELB", "LoadBalancer"),
    ("AWS/RDS", "DBInstanceIdentifier"),
    ("AWS/Redshift", "ClusterIdentifier"),
    ("AWS/S3", "BucketName"),
    ("AWS/SNS", "TopicName"),
    ("AWS/SQS", "QueueName"),
    ("AWS/States", "StateMachineArn"),
];

/// The dimension's name in StackState's streams.
pub(super) const RESOURCE: &str = "Resource";

/// The dimension that `Resource` means in a namespace.
pub(super) fn dimension(namespace: &str) -> Option<&'static str> {
    RESOURCES.iter().find(|(known, _)| *known == namespace).map(|(_, dimension)| *dimension)
}
