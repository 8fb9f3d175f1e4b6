// The one version of the Admin API that we speak.

export const API_VERSION = '2026-10'
