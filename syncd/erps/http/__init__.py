"""Any ERP, by the REST contract in `docs/erp-contract`: a small service before the ERP speaks it, in any language."""
