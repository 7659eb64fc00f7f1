// Package batchperresourceattr stands in for the module of this name. The S3 exporter calls it only if resource_attrs_to_s3
// is set, which no configuration here does: a batch passes undivided.
package batchperresourceattr

import "go.opentelemetry.io/collector/consumer"

func NewBatchPerResourceTraces(_ string, next consumer.Traces) consumer.Traces { return next }

func NewBatchPerResourceMetrics(_ string, next consumer.Metrics) consumer.Metrics { return next }

func NewBatchPerResourceLogs(_ string, next consumer.Logs) consumer.Logs { return next }
