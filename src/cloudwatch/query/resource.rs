//! The field `Resource` of StackState's streams.
//!
//! The streams of StackState's AWS StackPack name a metric by `Namespace`, `Resource`, `Region`
//! and the metric field ("CloudWatch stream template", StackState documentation). If the metric
//! has no dimension `Resource`, the field means the dimension that names a resource in the
//! namespace. This is inferred from that template, and from "CloudWatch metrics and dimensions"
//! in the AWS documentation of each service.

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

/// The name of the field.
pub(super) const RESOURCE: &str = "Resource";

/// The dimension that names a resource in a namespace.
pub(super) fn dimension(namespace: &str) -> Option<&'static str> {
    RESOURCES.iter().find(|(known, _)| *known == namespace).map(|(_, dimension)| *dimension)
}
