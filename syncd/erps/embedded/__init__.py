"""The embedded ERP: a small, honest stock book in one SQLite file, for merchants who have no other ERP.

file.py      the SQLite file: opening, transactions, errors
book.py      the stock book: SKUs, locations, the journal and the levels that follow from it
opening.py   opening stock from a CSV file
documents.py order documents and shipments
erp.py       the whole as syncd's `Erp` and `ErpDocuments` ports
"""
