"""The sample marketplace, the robot agent, and what shows them on one port."""
