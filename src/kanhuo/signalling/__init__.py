"""Descriptions and candidates passed between exactly two peers, after the camera rule has been applied."""
