"""Marketflow: marketing management that lives in the warehouse and runs on Apache Airflow."""
