// Package tfkit is what the packages of resources and data sources share: the
// client they are configured with, errors as diagnostics, validators and plan
// modifiers.
package tfkit
