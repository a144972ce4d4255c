// Package tfkit has the code that resources and data sources share: their
// configuration with a client, errors as diagnostics, validators and plan
// modifiers.
package tfkit
