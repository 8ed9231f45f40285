"""The backend's PostgreSQL database, which we read and never own."""
